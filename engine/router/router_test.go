package router

import (
	"strings"
	"sync"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

func TestBuildProblems(t *testing.T) {
	services := map[string]*entity.Service{"on": {ID: "on", Enabled: true}, "off": {ID: "off"}}
	good := &entity.Route{ID: "good", Paths: []string{"/"}, Service: entity.Ref{ID: "on"}}
	tests := []struct {
		flavor Flavor
		route  entity.Route
		want   string // "" for no problem
	}{
		{Compatible, entity.Route{Paths: []string{"~/a(b"}}, "paths: the regex"},
		{Compatible, entity.Route{Paths: []string{"~/x(?!a)"}}, "paths: the regex"},
		{Traditional, entity.Route{Paths: []string{"~/x(?!a)"}}, ""},
		{Traditional, entity.Route{Paths: []string{`~/(?P<n>x)(?!a)\k<n>`}}, ""},
		{Compatible, entity.Route{Paths: []string{"~/(?<n>x)(?<n>y)"}}, "two groups called n"},
		{Traditional, entity.Route{Paths: []string{"~/x(?!a"}}, "paths: the regex"},
		{Compatible, entity.Route{Paths: []string{"a"}}, "paths:"},
		{Compatible, entity.Route{Hosts: []string{"a.*.b"}}, "hosts:"},
		{Compatible, entity.Route{Hosts: []string{"a:0"}}, "hosts:"},
		{Compatible, entity.Route{Hosts: []string{"*"}}, "hosts:"},
		{Compatible, entity.Route{SNIs: []string{"*x"}}, "snis:"},
		{Compatible, entity.Route{Headers: map[string][]string{"X": {"~*("}}}, "headers.X:"},
		{Compatible, entity.Route{Sources: []entity.Peer{{IP: "1.2.3"}}}, "sources:"},
		{Compatible, entity.Route{}, "must set one of"},
		{Compatible, entity.Route{Expression: `http.path == "/"`}, "router_flavor"},
		{Expressions, entity.Route{Expression: `http.path == `}, "expected rhs"},
		{Expressions, entity.Route{Expression: `http.nope == "x"`}, "Unknown LHS field"},
		{Expressions, entity.Route{Expression: `http.path == "/"`, Protocols: []string{"tcp"}}, "Unknown LHS field"},
		{Compatible, entity.Route{Paths: []string{"/"}, Service: entity.Ref{ID: "gone"}}, "service:"},
		{Compatible, entity.Route{Paths: []string{"/"}, Service: entity.Ref{ID: "off"}}, ""},
	}
	for _, tt := range tests {
		tt.route.Name = "culprit"
		r, problems := Build(tt.flavor, []*entity.Route{&tt.route, good}, services)
		if len(problems) == 0 != (tt.want == "") {
			t.Errorf("%+v: %v", tt.route, problems)
			continue
		}
		if tt.want != "" && (!strings.Contains(problems[0].Error(), tt.want) || !strings.Contains(problems[0].Error(), "culprit")) {
			t.Errorf("problem %q lacks %q or the route's name", problems[0], tt.want)
		}
		var m Match
		req := Request{Scheme: "http", Method: "GET", Path: "/", Host: "x"}
		if !r.Match(&req, &m) || m.Entry.Route != good {
			t.Errorf("%+v: the good route does not work", tt.route)
		}
	}
}

func TestSplitPort(t *testing.T) {
	for in, want := range map[string][2]string{
		"a": {"a", ""}, "a:80": {"a", "80"}, "[::1]:99": {"[::1]", "99"}, "[::1]": {"[::1]", ""}, "::1": {"::1", ""},
		"": {"", ""}, ":80": {"", "80"}, "a:": {"a", ""},
	} {
		if name, port := splitPort(in); name != want[0] || port != want[1] {
			t.Errorf("splitPort(%q) = %q, %q", in, name, port)
		}
	}
}

// TestRank has pairs that both match; the first wins.
func TestRank(t *testing.T) {
	h, w, p, re := []string{"h.test"}, []string{"*.test"}, []string{"/a"}, []string{"~/a"}
	m, hd, hd2 := []string{"GET"}, map[string][]string{"A": {"1"}}, map[string][]string{"A": {"1"}, "B": {"1"}}
	tests := []struct {
		flavor       Flavor
		first, other entity.Route
	}{
		{Compatible, entity.Route{Hosts: h}, entity.Route{Hosts: w, Paths: p, Methods: m}},
		{Traditional, entity.Route{Hosts: w, Paths: p, Methods: m}, entity.Route{Hosts: h}},
		{Compatible, entity.Route{Hosts: w, Paths: p, Methods: m, Headers: hd}, entity.Route{Hosts: h, Paths: re}},
		{Compatible, entity.Route{Paths: re}, entity.Route{Paths: p, Methods: m, Headers: hd}},
		{Compatible, entity.Route{Paths: re, RegexPriority: 2}, entity.Route{Paths: re, RegexPriority: 1}},
		{Compatible, entity.Route{Paths: re, RegexPriority: -1}, entity.Route{Paths: re, RegexPriority: 4095}},
		{Compatible, entity.Route{Paths: re, RegexPriority: -1}, entity.Route{Paths: re, Hosts: h, Methods: m}},
		{Compatible, entity.Route{Paths: re, RegexPriority: 3}, entity.Route{Paths: re, RegexPriority: 8192}},
		{Traditional, entity.Route{Paths: re}, entity.Route{Paths: re, RegexPriority: -1}},
		// From four kinds on, plain hosts and regexes do not count any more.
		{Compatible, entity.Route{Hosts: w, Paths: []string{"/a", "~/z"}, Methods: m, Headers: hd2}, entity.Route{Hosts: h, Paths: re, Methods: m, Headers: hd}},
		{Compatible, entity.Route{Headers: hd2}, entity.Route{Headers: hd}},
		{Traditional, entity.Route{Headers: hd2}, entity.Route{Headers: hd}},
		{Traditional, entity.Route{Hosts: w, Methods: m}, entity.Route{Paths: re, Headers: hd2}},
		{Traditional, entity.Route{Headers: hd, Paths: p}, entity.Route{Paths: re, Methods: m}},
		{Traditional, entity.Route{Hosts: h, Paths: p}, entity.Route{Hosts: w, Paths: re}},
		{Traditional, entity.Route{Hosts: []string{"*.test:80"}}, entity.Route{Hosts: h}},
		{Traditional, entity.Route{Paths: re, Headers: hd}, entity.Route{Paths: p, Headers: hd2}},
		{Traditional, entity.Route{Paths: p, CreatedAt: 1}, entity.Route{Paths: p, CreatedAt: 2}},
		{Expressions, entity.Route{Expression: `http.path ^= "/"`}, entity.Route{Paths: p, Methods: m}},
		{Expressions, entity.Route{Expression: `http.path ^= "/"`, Priority: 2}, entity.Route{Expression: `http.path ^= "/a"`, Priority: 1}},
	}
	req := Request{Scheme: "http", Method: "GET", Host: "h.test", Path: "/a", Header: fields{{"A", "1"}, {"b", "1"}}}
	for _, tt := range tests {
		tt.first.ID, tt.other.ID = "1", "2"
		for _, routes := range [][]*entity.Route{{&tt.first, &tt.other}, {&tt.other, &tt.first}} {
			r, problems := Build(tt.flavor, routes, nil)
			var match Match
			if len(problems) > 0 || !r.Match(&req, &match) || match.Entry.Route.ID != "1" {
				t.Errorf("%s: %+v should go before %+v %v", tt.flavor, tt.first, tt.other, problems)
			}
		}
	}
}

func TestMatchKeepsNothing(t *testing.T) {
	r, _ := Build(Expressions, []*entity.Route{{Expression: `http.path ^= "/a" && lower(http.host) == "h"`}}, nil)
	var m Match
	if !r.Match(&Request{Scheme: "http", Host: "H", Path: "/abc"}, &m) || m.Matched != "/a" {
		t.Fatalf("%+v", m)
	}
	if r.Match(&Request{Scheme: "http", Host: "H", Path: "/b"}, &m) || m.Entry != nil || m.Matched != "" || len(m.Captures(nil, "/b")) != 0 {
		t.Errorf("a failed match leaves %+v", m)
	}
}

func TestConcurrentMatch(t *testing.T) {
	_, r, _ := benchTable(200, Expressions, benchCases[6].route)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var m Match
			for i := range 200 {
				if req := benchRequest(benchCases[6].request(i)); !r.Match(&req, &m) {
					t.Error("no match")
				}
			}
		})
	}
	wg.Wait()
}

// A Host field without a port has that of the scheme in the traditional flavor,
// that of the listener in the others.
func TestHostWithoutPort(t *testing.T) {
	for _, tt := range []struct {
		flavor       Flavor
		scheme, host string
		want         bool
	}{
		{Traditional, "http", "h.test:80", true},
		{Traditional, "https", "*.test:443", true},
		{Traditional, "https", "h.test:80", false},
		{Traditional, "http", "h.test:8000", false},
		{Compatible, "http", "h.test:8000", true},
		{Compatible, "http", "h.test:80", false},
	} {
		r, problems := Build(tt.flavor, []*entity.Route{{Hosts: []string{tt.host}}}, nil)
		var m Match
		if got := r.Match(&Request{Scheme: tt.scheme, Host: "h.test", DstPort: 8000}, &m); got != tt.want || len(problems) > 0 {
			t.Errorf("%s %s %s: %v %v", tt.flavor, tt.scheme, tt.host, got, problems)
		}
	}
}

func TestNetProtocol(t *testing.T) {
	for scheme, want := range map[string]string{"http": "plain", "grpc": "plain", "https": "secure", "grpcs": "secure"} {
		r, problems := Build(Expressions, []*entity.Route{
			{Name: "plain", Expression: `net.protocol == "http"`},
			{Name: "secure", Protocols: []string{"https", "grpcs"}, Expression: `net.protocol == "https"`},
		}, nil)
		var m Match
		if !r.Match(&Request{Scheme: scheme}, &m) || m.Entry.Route.Name != want || len(problems) > 0 {
			t.Errorf("%s: %+v %v", scheme, m.Entry, problems)
		}
	}
}
