package router

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/router/atc"
	"github.com/gibbon-gateway/gibbon/model/entity"
)

// Flavor is the setting router_flavor: how routes are written and ranked.
type Flavor string

// The three flavors of router_flavor.
const (
	// Compatible takes the classic fields and ranks like the reference's default.
	Compatible Flavor = "traditional_compatible"
	// Traditional takes the classic fields and ranks like the reference's oldest router.
	Traditional Flavor = "traditional"
	// Expressions takes expressions too; they go before routes with classic fields.
	Expressions Flavor = "expressions"
)

// Header is what a route sees of the request's header fields. It is shaped so
// that no call allocates.
type Header interface {
	// Next is the value of the first field called name at position from or
	// later, and the position after it; ok is false where there is none. Begin
	// with from 0. name is in lower case with "_" for "-"; SameName compares.
	Next(name string, from int) (value string, next int, ok bool)
}

// Request is what a route may look at. Its strings may point into request
// buffers: nothing of it is kept after Match, except in the caller's Match. Use
// it again: it holds the memory that Match works with.
type Request struct {
	Method string
	// Scheme is the protocol as the client spoke it: http, https, grpc, grpcs,
	// ws, wss, or tcp, tls, udp for layer 4.
	Scheme string
	// WebSocket: the request asks for a WebSocket. Routes for ws and wss take no
	// other requests.
	WebSocket bool
	// Host is the Host header as sent, with its port and in any case.
	Host string
	// Path is the normal form of the path, without the query; see NormalizePath.
	Path string
	// Query is what follows "?", as sent.
	Query string
	// SNI is the server name of the TLS handshake, "" for none.
	SNI string
	// SrcIP and SrcPort are the client's, DstIP and DstPort the listener's.
	SrcIP, DstIP     netip.Addr
	SrcPort, DstPort int
	// Header may be nil at layer 4.
	Header Header
	// ForwardedProto is X-Forwarded-Proto when the peer is trusted and sent it,
	// else "". It stands for the scheme where a route insists on https.
	ForwardedProto string

	state state
}

// Entry is a route as the router holds it.
type Entry struct {
	Route *entity.Route
	// Service is nil for a route without one.
	Service *entity.Service
	// Data belongs to the owner of the router (the snapshot keeps its plugin
	// plan here). Set it before the first Match.
	Data any

	v1      bool // path_handling v1 is in force
	tlsOnly bool // all its protocols are over TLS
	layer4  bool
	// webSocket: the protocols are ws or wss.
	webSocket bool
}

// Match is the result of a successful Router.Match.
type Match struct {
	Entry *Entry
	// Matched is the text of the path that the route matched: the prefix, what
	// the regex found, or what the last comparison of an expression found. ""
	// where the route does not look at the path. It may point into Request.Path.
	Matched string
	// Redirect is the status that answers the request because the route takes
	// TLS only and the client did not use it: 426, 301, 302, 307 or 308. 0 means
	// that the request may go on. On a grpcs route the reference first answers a
	// request that is no gRPC (415) or comes over HTTP/1.1 (426, Upgrade: HTTP/2).
	Redirect int
	// NeedsWebSocket: only a route for WebSockets fits, and the request does not
	// ask for one.
	NeedsWebSocket bool

	rule *rule
	hit  atc.Hit // of rule's expression
}

// Capture is a group of the regex that matched.
type Capture struct {
	// Index is 0 for the whole match, else the number of the group.
	Index int
	// Name is "" for a group without one.
	Name  string
	Value string
}

// Captures appends the groups of the regex that the route matched path with,
// none for a route without a regex; groups that took no part are left out. path
// is the one that was given to Match. It is not part of Match since few requests
// are asked for it.
func (m *Match) Captures(dst []Capture, path string) []Capture {
	if m.rule == nil {
		return dst
	}
	if re := m.rule.path.regex; re != nil {
		return re.groups(dst, path)
	}
	if hit := &m.hit; hit.Regexp != nil {
		if hit.Lower {
			path = strings.ToLower(path)
		}
		return appendGroups(dst, hit.Regexp, path)
	}
	return dst
}

// Problem is a route that was left out of the router.
type Problem struct {
	Route *entity.Route
	// Err names the route and the field.
	Err error
}

func (p Problem) Error() string { return p.Err.Error() }

// Router is an immutable table of routes, safe for concurrent use.
type Router struct {
	flavor  Flavor
	entries []*Entry
	http    *table
	stream  *table
	// webSocket: some route is for WebSockets.
	webSocket bool
}

// Build makes a router. services are by id; a route whose service is disabled
// is left out, one whose service is missing or that cannot be compiled is left
// out and reported. One bad route never keeps the others from working.
func Build(flavor Flavor, routes []*entity.Route, services map[string]*entity.Service) (*Router, []Problem) {
	if flavor == "" {
		flavor = Compatible
	}
	r := &Router{flavor: flavor}
	var problems []Problem
	var http, stream []*rule
	for _, route := range routes {
		e := &Entry{Route: route, Service: services[route.Service.ID]}
		e.webSocket = len(route.Protocols) > 0 && (route.Protocols[0] == "ws" || route.Protocols[0] == "wss")
		var rules []*rule
		var err error
		switch {
		case route.Service.ID != "" && e.Service == nil:
			err = fmt.Errorf("service: there is none with id %s", route.Service.ID)
		case e.Service != nil && !e.Service.Enabled:
			continue
		default:
			rules, err = compile(flavor, e)
		}
		if err != nil {
			problems = append(problems, Problem{route, named(route, err)})
			continue
		}
		e.v1 = flavor == Traditional && route.PathHandling == "v1"
		e.tlsOnly = !slices.ContainsFunc(route.Protocols, func(p string) bool { return !overTLS(p) }) && len(route.Protocols) > 0
		r.webSocket = r.webSocket || e.webSocket
		r.entries = append(r.entries, e)
		if slices.ContainsFunc(route.Protocols, layer4) {
			e.layer4 = true
			stream = append(stream, rules...)
		} else {
			http = append(http, rules...)
		}
	}
	r.http, r.stream = newTable(http), newTable(stream)
	return r, problems
}

// Entries are the routes in the router, in the order they were given.
func (r *Router) Entries() []*Entry { return r.entries }

// none is a position after all rules.
const none = math.MaxInt32

// Match finds the route for req and fills m; it returns false, and m has no
// Entry, if there is none. It does not allocate, but for backtracking patterns
// of the traditional flavor.
func (r *Router) Match(req *Request, m *Match) bool {
	st := &req.state
	st.flavor, st.best, st.hit, st.bestHit = r.flavor, none, atc.Hit{}, atc.Hit{}
	st.begin(req)
	t := r.http
	if layer4(req.Scheme) {
		t = r.stream
	}
	t.find(req, st)
	m.NeedsWebSocket = false
	if st.best == none && r.webSocket && !req.WebSocket && t == r.http {
		req.WebSocket = true
		t.find(req, st)
		req.WebSocket = false
		m.NeedsWebSocket = st.best != none
	}
	st.end()
	m.Entry, m.rule, m.Matched, m.Redirect, m.hit = nil, nil, "", 0, st.bestHit
	if st.best == none {
		return false
	}
	m.rule = t.rules[st.best]
	m.Entry = m.rule.entry
	switch p := &m.rule.path; {
	case p.regex != nil:
		m.Matched = p.regex.find(req.Path)
	case m.rule.expr != nil:
		m.Matched = m.hit.Text
	default:
		m.Matched = p.text
	}
	if m.Entry.tlsOnly && !m.Entry.layer4 {
		m.Redirect = redirect(req, m.Entry.Route)
	}
	return true
}

// redirect is the status for a request to a route for TLS, 0 if the client uses
// TLS, or a trusted peer says so.
func redirect(req *Request, route *entity.Route) int {
	scheme := req.ForwardedProto
	if scheme == "" {
		scheme = req.Scheme
	}
	if overTLS(scheme) {
		return 0
	}
	if route.HTTPSRedirectStatusCode == 0 {
		return 426
	}
	return route.HTTPSRedirectStatusCode
}
