package router

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/router/atc"
	"github.com/gibbon-gateway/gibbon/model/entity"
)

// rule is one way in which a route matches: a route with several paths has a
// rule for each, since each competes on its own.
type rule struct {
	entry *Entry
	rank  rank

	methods      []string
	hosts        []namePattern
	path         pathTest
	headers      []headerTest
	snis         []namePattern
	sources      []peerTest
	destinations []peerTest

	expr *atc.Expr
	// plainOnly: an expression route for cleartext protocols only, which the
	// reference does not find over TLS (it does find such a classic route).
	plainOnly bool
}

// compile makes the rules of a route.
func compile(flavor Flavor, e *Entry) ([]*rule, error) {
	route := e.Route
	if route.Expression != "" {
		if flavor != Expressions {
			return nil, errors.New("expression: needs router_flavor = expressions")
		}
		expr, err := atc.Parse(route.Expression, atc.SubsystemOf(route.Protocols))
		if err != nil {
			return nil, fmt.Errorf("expression: %w", err)
		}
		r := &rule{entry: e, expr: expr, plainOnly: !slices.ContainsFunc(route.Protocols, overTLS)}
		r.rank = rank{expression: 1, priority: route.Priority, id: route.ID}
		return []*rule{r}, nil
	}
	base, err := compileClassic(flavor, e)
	if err != nil {
		return nil, err
	}
	if len(route.Paths) == 0 {
		if base.empty() {
			return nil, errors.New("must set one of methods, hosts, headers, paths, snis, sources, destinations or expression")
		}
		base.rank = rankOf(flavor, base)
		return []*rule{base}, nil
	}
	rules := make([]*rule, len(route.Paths))
	for i, p := range route.Paths {
		r := *base
		if r.path, err = compilePath(flavor, p); err != nil {
			return nil, err
		}
		r.rank = rankOf(flavor, &r)
		rules[i] = &r
	}
	return rules, nil
}

// compileClassic is a rule of all classic fields but the paths.
func compileClassic(flavor Flavor, e *Entry) (*rule, error) {
	route := e.Route
	r := &rule{entry: e, methods: route.Methods}
	fold := flavor == Traditional
	for _, h := range route.Hosts {
		p, err := compileHost(h, fold)
		if err != nil {
			return nil, err
		}
		r.hosts = append(r.hosts, p)
	}
	for _, s := range route.SNIs {
		p, err := compileName("snis", strings.TrimSuffix(s, "."), fold)
		if err != nil {
			return nil, err
		}
		r.snis = append(r.snis, p)
	}
	for _, name := range slices.Sorted(maps.Keys(route.Headers)) {
		t, err := compileHeader(flavor, name, route.Headers[name])
		if err != nil {
			return nil, err
		}
		r.headers = append(r.headers, t)
	}
	var err error
	if r.sources, err = compilePeers("sources", route.Sources); err != nil {
		return nil, err
	}
	r.destinations, err = compilePeers("destinations", route.Destinations)
	return r, err
}

func (r *rule) empty() bool {
	return len(r.methods)+len(r.hosts)+len(r.headers)+len(r.snis)+len(r.sources)+len(r.destinations) == 0
}

// matches runs the checks, cheap ones first. hit is set by an expression.
func (r *rule) matches(req *Request, st *state) bool {
	if r.entry.webSocket && !req.WebSocket {
		return false
	}
	if len(r.methods) > 0 && !slices.Contains(r.methods, req.Method) {
		return false
	}
	if len(r.hosts) > 0 && !r.hostMatches(st) {
		return false
	}
	if len(r.snis) > 0 && !r.sniMatches(req, st) {
		return false
	}
	if len(r.sources) > 0 && !anyPeer(r.sources, req.SrcIP, req.SrcPort) {
		return false
	}
	if len(r.destinations) > 0 && !anyPeer(r.destinations, req.DstIP, r.dstPort(req, st)) {
		return false
	}
	if r.plainOnly && st.tls {
		return false
	}
	if !r.path.matches(req.Path) {
		return false
	}
	for i := range r.headers {
		if !r.headers[i].matches(req.Header, st) {
			return false
		}
	}
	return r.expr == nil || r.expr.Match(st.fieldsOf(req), &st.hit)
}

// dstPort is what the ports of destinations are compared with.
func (r *rule) dstPort(req *Request, st *state) int {
	if r.entry.layer4 {
		return req.DstPort
	}
	return st.port
}

func (r *rule) hostMatches(st *state) bool {
	for i := range r.hosts {
		p := &r.hosts[i]
		if p.matches(st.host, st.folded) && (p.port == 0 || p.port == st.port) {
			return true
		}
	}
	return false
}

// sniMatches: the default flavor does not look at snis where there is no TLS;
// the traditional one wants TLS.
func (r *rule) sniMatches(req *Request, st *state) bool {
	if !st.tls {
		return st.flavor != Traditional
	}
	for i := range r.snis {
		if req.SNI != "" && r.snis[i].matches(req.SNI, req.SNI) {
			return true
		}
	}
	return false
}

// rank is the precedence of a rule; compare field by field, greater first.
type rank struct {
	expression int   // expressions before classic fields
	priority   int64 // of an expression
	class      [5]int64
	length     int   // of the prefix
	webSocket  int   // takes requests that the other does not: 1 before 0
	created    int64 // traditional only: less first
	id         string
}

// rankOf orders classic rules as the recorded cases do.
func rankOf(flavor Flavor, r *rule) rank {
	route := r.entry.Route
	kinds := 0
	for _, n := range []int{len(r.methods), len(r.hosts), len(r.headers), len(r.snis), len(r.sources), len(r.destinations), len(r.path.text)} {
		if n > 0 {
			kinds++
		}
	}
	plain, regex := 0, 0
	if len(r.hosts) > 0 && !slices.ContainsFunc(r.hosts, func(p namePattern) bool { return p.kind != whole }) {
		plain = 1
	}
	priority := int64(0)
	length := len(r.path.text)
	if r.path.regex != nil {
		regex, priority, length = 1, route.RegexPriority, 0
	}
	out := rank{length: length, id: route.ID}
	if r.entry.webSocket {
		out.webSocket = 1
	}
	if flavor == Traditional {
		out.class = [5]int64{int64(kinds), r.category(), r.finer(plain, regex), int64(len(r.headers)), priority}
		out.created = route.CreatedAt
		return out
	}
	if slices.ContainsFunc(route.Protocols, layer4) {
		out.class = streamClass(r)
		return out
	}
	out.class = compatibleClass(kinds, plain, regex, len(r.headers), priority)
	return out
}

// streamClass ranks routes of layer 4 outside the traditional flavor: sources
// together with destinations go before a server name, that before either alone;
// then what the sources say, then what the destinations say.
func streamClass(r *rule) [5]int64 {
	both, sni := int64(0), int64(0)
	if len(r.sources) > 0 && len(r.destinations) > 0 {
		both = 1
	}
	if len(r.snis) > 0 {
		sni = 1
	}
	return [5]int64{both, sni, peerWeight(r.sources), peerWeight(r.destinations)}
}

// category orders routes of the traditional flavor with equally many kinds of
// attribute: hosts before headers before paths before methods before snis.
func (r *rule) category() int64 {
	bits := int64(0)
	for _, n := range []int{len(r.hosts), len(r.headers), len(r.path.text), len(r.methods), len(r.snis), len(r.sources), len(r.destinations)} {
		bits <<= 1
		if n > 0 {
			bits |= 1
		}
	}
	return bits
}

// finer orders routes within a category: wildcard hosts with a port, then plain
// hosts alone, then regex paths.
func (r *rule) finer(plain, regex int) int64 {
	bits := int64(plain<<1 | regex)
	if slices.ContainsFunc(r.hosts, func(p namePattern) bool { return p.kind != whole && p.port != 0 }) {
		bits |= 4
	}
	return bits
}

// compatibleClass is the default flavor's rank before the length of the path.
//
// That flavor packs its criteria into the bits of one number: a plain host at
// bit 60, a regex at 51, the count of attribute kinds at 29, that of headers at
// 20, regex_priority at 19. The last three are put together in 32 bits with
// their sign, from which these odd facts follow: with four kinds of attribute
// (or a negative regex_priority) all higher bits are set, so that plain hosts
// and regexes no longer count; a large regex_priority spills into the bits above
// (1024 and 2048 into the kinds, 4096 into the sign, 8192 off the end); a header
// is the same bit as a regex_priority of 2.
func compatibleClass(kinds, plain, regex, headers int, priority int64) [5]int64 {
	low := int32(kinds)<<29 | int32(min(headers, 255))<<20 | int32(priority)<<19
	top := 0
	if low < 0 {
		top, plain, regex = 1, 1, 1
	}
	return [5]int64{int64(top), int64(plain), int64(regex), int64(low)}
}

// before orders rules, best first.
func (a *rank) before(b *rank) int {
	if c := cmp.Compare(b.expression, a.expression); c != 0 {
		return c
	}
	if a.expression == 1 {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(b.id, a.id))
	}
	return cmp.Or(
		slices.Compare(b.class[:], a.class[:]),
		cmp.Compare(b.length, a.length),
		cmp.Compare(b.priority, a.priority),
		cmp.Compare(b.webSocket, a.webSocket),
		cmp.Compare(a.created, b.created),
		cmp.Compare(b.id, a.id),
	)
}

func overTLS(protocol string) bool {
	switch protocol {
	case "https", "grpcs", "wss", "tls", "tls_passthrough":
		return true
	}
	return false
}

func layer4(protocol string) bool {
	switch protocol {
	case "tcp", "tls", "udp", "tls_passthrough":
		return true
	}
	return false
}

// named says which route an error is about.
func named(route *entity.Route, err error) error {
	name := route.Name
	if name == "" {
		name = route.ID
	}
	return fmt.Errorf("route %s: %w", name, err)
}
