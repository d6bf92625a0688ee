package router

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

const benchRoutes = 20000

// benchCases are ways in which people lay out many routes. Each gives route i
// and the request that it alone answers.
var benchCases = []struct {
	name    string
	flavor  Flavor
	route   func(i int) *entity.Route
	request func(i int) Request
}{
	{"paths", Compatible,
		func(i int) *entity.Route { return &entity.Route{Paths: []string{fmt.Sprintf("/api/v1/team%d/", i)}} },
		func(i int) Request { return Request{Host: "a.test", Path: fmt.Sprintf("/api/v1/team%d/users/7", i)} }},
	{"hosts", Compatible,
		func(i int) *entity.Route { return &entity.Route{Hosts: []string{fmt.Sprintf("t%d.example.test", i)}} },
		func(i int) Request { return Request{Host: fmt.Sprintf("t%d.example.test:8000", i), Path: "/users/7"} }},
	{"wildcard-hosts", Compatible,
		func(i int) *entity.Route {
			return &entity.Route{Hosts: []string{fmt.Sprintf("*.t%d.test", i)}, Paths: []string{"/"}}
		},
		func(i int) Request { return Request{Host: fmt.Sprintf("www.t%d.test", i), Path: "/users/7"} }},
	{"one-host-paths-methods", Compatible,
		func(i int) *entity.Route {
			return &entity.Route{Hosts: []string{"a.test"}, Methods: []string{"GET"}, Paths: []string{fmt.Sprintf("/s%d", i), fmt.Sprintf("/x/s%d", i)}}
		},
		func(i int) Request { return Request{Host: "a.test", Path: fmt.Sprintf("/x/s%d", i)} }},
	{"regex-paths", Compatible,
		func(i int) *entity.Route {
			return &entity.Route{Paths: []string{fmt.Sprintf(`~/s%d/(?<id>\d+)/[a-z]+$`, i)}}
		},
		func(i int) Request { return Request{Host: "a.test", Path: fmt.Sprintf("/s%d/42/users", i)} }},
	{"traditional-paths", Traditional,
		func(i int) *entity.Route { return &entity.Route{Paths: []string{fmt.Sprintf("/s%d/", i)}} },
		func(i int) Request { return Request{Host: "a.test", Path: fmt.Sprintf("/s%d/users", i)} }},
	{"expressions", Expressions,
		func(i int) *entity.Route {
			return &entity.Route{Expression: fmt.Sprintf(`http.host == "t%d.test" && http.path ^= "/users" && http.method == "GET" && !(any(lower(http.headers.x_a)) == "1")`, i)}
		},
		func(i int) Request { return Request{Host: fmt.Sprintf("t%d.test", i), Path: "/users/7"} }},
	{"header-values", Compatible,
		func(i int) *entity.Route {
			return &entity.Route{Paths: []string{"/"}, Headers: map[string][]string{"X-Tenant": {fmt.Sprintf("T%d", i)}}}
		},
		func(i int) Request {
			return Request{Host: "a.test", Path: "/", Header: fields{{"X-tenant", fmt.Sprintf("t%d", i)}}}
		}},
	{"expression-headers", Expressions,
		func(i int) *entity.Route {
			return &entity.Route{Expression: fmt.Sprintf(`http.path ^= "/" && http.headers.x_tenant == "T%d"`, i)}
		},
		func(i int) Request {
			return Request{Host: "a.test", Path: "/", Header: fields{{"X-tenant", fmt.Sprintf("T%d", i)}}}
		}},
	{"header-regexes", Compatible, // nothing to index by: all are tried
		func(i int) *entity.Route {
			return &entity.Route{Paths: []string{"/"}, Headers: map[string][]string{"X-Tenant": {fmt.Sprintf("~*^T%d$", i)}}}
		},
		func(i int) Request {
			return Request{Host: "a.test", Path: "/", Header: fields{{"X-tenant", fmt.Sprintf("t%d", i)}}}
		}},
	{"same-path-methods", Compatible,
		func(i int) *entity.Route {
			return &entity.Route{Paths: []string{"/"}, Methods: []string{fmt.Sprintf("M%d", i)}}
		},
		func(i int) Request { return Request{Method: fmt.Sprintf("M%d", i), Host: "a.test", Path: "/"} }},
}

func benchTable(n int, flavor Flavor, route func(int) *entity.Route) ([]*entity.Route, *Router, []Problem) {
	routes := make([]*entity.Route, n)
	for i := range routes {
		routes[i] = route(i)
		routes[i].ID = fmt.Sprintf("%08d", i)
		routes[i].Protocols = []string{"http", "https"}
	}
	r, problems := Build(flavor, routes, nil)
	return routes, r, problems
}

func benchRequest(req Request) Request {
	req.Scheme, req.DstPort = "http", 8000
	if req.Method == "" {
		req.Method = "GET"
	}
	req.SrcIP = netip.MustParseAddr("127.0.0.1")
	if req.Header == nil {
		req.Header = fields{{"Host", req.Host}, {"User-Agent", "x"}, {"X-A", "B"}}
	}
	return req
}

func BenchmarkMatch(b *testing.B) {
	for _, c := range benchCases {
		b.Run(c.name, func(b *testing.B) {
			_, r, problems := benchTable(benchRoutes, c.flavor, c.route)
			if len(problems) > 0 {
				b.Fatal(problems[0])
			}
			var reqs [64]Request
			for i := range reqs {
				reqs[i] = benchRequest(c.request(i * 311 % benchRoutes))
			}
			var m Match
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				if !r.Match(&reqs[i&63], &m) {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, c := range benchCases {
		b.Run(c.name, func(b *testing.B) {
			routes, _, _ := benchTable(benchRoutes, c.flavor, c.route)
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				Build(c.flavor, routes, nil)
			}
		})
	}
}

// TestManyRoutes: the right one of many, without an allocation, built in time.
func TestManyRoutes(t *testing.T) {
	for _, c := range benchCases {
		t.Run(c.name, func(t *testing.T) {
			const n = 2000
			start := time.Now()
			_, r, problems := benchTable(n, c.flavor, c.route)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("build took %v", took)
			}
			if len(problems) > 0 {
				t.Fatal(problems[0])
			}
			var m Match
			for i := 0; i < n; i += 97 {
				req := benchRequest(c.request(i))
				if !r.Match(&req, &m) || m.Entry.Route.ID != fmt.Sprintf("%08d", i) {
					t.Fatalf("request %d: %+v", i, m.Entry)
				}
				// Under the race detector sync.Pool, which regexp uses, drops things at random.
				if allocs := testing.AllocsPerRun(50, func() { r.Match(&req, &m) }); allocs != 0 && !raceDetector {
					t.Fatalf("%v allocations per match", allocs)
				}
			}
		})
	}
}
