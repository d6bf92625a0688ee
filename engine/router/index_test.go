package router

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// The index must find what trying every rule in order finds. Routes and
// requests are drawn from few words, so that most requests match several.

func TestIndexAgainstAllRules(t *testing.T) {
	for _, flavor := range []Flavor{Compatible, Traditional, Expressions} {
		t.Run(string(flavor), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for round := range 40 {
				routes := make([]*entity.Route, 1+rng.IntN(200))
				for i := range routes {
					routes[i] = randomRoute(rng, flavor, i)
				}
				r, problems := Build(flavor, routes, nil)
				if len(problems) > 0 {
					t.Fatal(problems[0])
				}
				for range 200 {
					compare(t, r, randomRequest(rng), fmt.Sprintf("round %d", round))
				}
			}
		})
	}
}

func compare(t *testing.T, r *Router, req Request, note string) {
	t.Helper()
	var m Match
	linear := req // with memory of its own
	table := r.http
	if layer4(req.Scheme) {
		table = r.stream
	}
	st := &linear.state
	st.flavor = r.flavor
	st.begin(&linear)
	var want *rule
	for _, rule := range table.rules {
		if rule.matches(&linear, st) {
			want = rule
			break
		}
	}
	if r.Match(&req, &m); m.rule != want {
		t.Fatalf("%s: %+v\n got %+v\nwant %+v", note, req, m.rule, want)
	}
}

var (
	words   = []string{"a", "b", "ab", "abc", "x"}
	names   = []string{"a.test", "b.a.test", "c.b.a.test", "www.a", "A.test", "a.test:8000", "*.a.test", "*.test", "www.*", "a.*"}
	methods = []string{"GET", "PUT", "M1"}
)

func pick(rng *rand.Rand, from []string) string { return from[rng.IntN(len(from))] }

func randomPath(rng *rand.Rand) string {
	return "/" + strings.Join([]string{pick(rng, words), pick(rng, words), pick(rng, words)}[:rng.IntN(4)], "/")
}

func randomRoute(rng *rand.Rand, flavor Flavor, i int) *entity.Route {
	r := &entity.Route{ID: fmt.Sprintf("%04d", i), Protocols: []string{"http", "https"}, CreatedAt: int64(rng.IntN(5)), RegexPriority: int64(rng.IntN(3))}
	some := func() bool { return rng.IntN(3) == 0 }
	if some() {
		r.Protocols = []string{"tcp", "tls"}
		r.SNIs = []string{strings.TrimSuffix(pick(rng, names), ":8000")}
		if some() {
			r.Destinations = []entity.Peer{{Port: 8000 + rng.IntN(3)}}
		}
		return r
	}
	if flavor == Expressions && some() {
		r.Expression, r.Priority = randomExpression(rng), int64(rng.IntN(3))
		return r
	}
	for range rng.IntN(3) {
		r.Hosts = append(r.Hosts, pick(rng, names))
	}
	for range rng.IntN(3) {
		p := randomPath(rng)
		if some() {
			p = "~" + p + pick(rng, []string{"", "[a-b]", "(?:/|$)", ".*"})
		}
		r.Paths = append(r.Paths, p)
	}
	if some() {
		r.Methods = []string{pick(rng, methods), pick(rng, methods)}
	}
	if some() {
		r.Headers = map[string][]string{"X-" + pick(rng, words): {pick(rng, words), pick(rng, []string{"~*a", "B"})}, "X-Y": {"1", "2"}}
	}
	if some() {
		r.SNIs = []string{"a.test", pick(rng, []string{"*.test", "b.a.test"})}
	}
	if len(r.Hosts)+len(r.Paths)+len(r.Methods)+len(r.Headers)+len(r.SNIs) == 0 {
		r.Paths = []string{"/"}
	}
	return r
}

func randomExpression(rng *rand.Rand) string {
	predicates := []string{
		fmt.Sprintf(`http.path ^= %q`, randomPath(rng)), fmt.Sprintf(`http.path == %q`, randomPath(rng)),
		fmt.Sprintf(`http.host == %q`, pick(rng, names[:4])), fmt.Sprintf(`http.method == %q`, pick(rng, methods)),
		fmt.Sprintf(`any(http.headers.x_a) == %q`, pick(rng, words)), `tls.sni == "a.test"`,
		fmt.Sprintf(`!(http.method == %q)`, pick(rng, methods)), fmt.Sprintf(`lower(http.headers.x_ab) != %q`, pick(rng, words)),
	}
	out := pick(rng, predicates)
	for range rng.IntN(4) {
		out = "(" + out + ")" + pick(rng, []string{" && ", " || "}) + pick(rng, predicates)
	}
	return out
}

func randomRequest(rng *rand.Rand) Request {
	req := Request{
		Method: pick(rng, methods), Host: pick(rng, names[:6]), Path: randomPath(rng), Scheme: pick(rng, []string{"http", "https", "tcp", "tls"}),
		SNI: pick(rng, append([]string{""}, names[:4]...)), DstPort: 8000 + rng.IntN(3), SrcIP: netip.MustParseAddr("127.0.0.1"),
	}
	var h fields
	for range rng.IntN(4) {
		h = append(h, [2]string{"X-" + pick(rng, append(words, "y")), pick(rng, append(words, "1", "b"))})
	}
	req.Header = h
	return req
}
