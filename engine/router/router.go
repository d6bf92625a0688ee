package router

import (
	"net/netip"

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
// buffers: nothing of it is kept after Match, except in the caller's Match.
type Request struct {
	Method string
	// Scheme is the protocol as the client spoke it: http, https, grpc, grpcs,
	// ws, wss, or tcp, tls, udp for layer 4.
	Scheme string
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
}

// Entry is a route as the router holds it.
type Entry struct {
	Route *entity.Route
	// Service is nil for a route without one.
	Service *entity.Service
	// Data belongs to the owner of the router (the snapshot keeps its plugin
	// plan here). Set it before the first Match.
	Data any

	v1 bool // path_handling v1 in force
}

// Match is the result of a successful Router.Match. It can be used again.
type Match struct {
	Entry *Entry
	// Matched is the text of the path that the route matched: the prefix, what
	// the regex found, or what the last comparison of an expression found. ""
	// where the route does not look at the path.
	Matched string
	// Redirect is the status that answers the request because the route takes
	// TLS only and the client did not use it: 426, 301, 302, 307 or 308. 0 means
	// that the request may go on.
	Redirect int

	rule *rule
}

// Problem is a route that was left out of the router.
type Problem struct {
	Route *entity.Route
	Err   error
}

func (p Problem) Error() string { return p.Err.Error() }

// Router is an immutable table of routes, safe for concurrent use.
type Router struct {
	entries []*Entry
}

// Build makes a router. services are by id; a route whose service is disabled
// is left out, one whose service is missing or that cannot be compiled is left
// out and reported. One bad route never keeps the others from working.
func Build(flavor Flavor, routes []*entity.Route, services map[string]*entity.Service) (*Router, []Problem) {
	return &Router{}, nil
}

// Entries are the routes in the router, best first.
func (r *Router) Entries() []*Entry { return r.entries }

// Match finds the route for req and fills m. It does not allocate.
func (r *Router) Match(req *Request, m *Match) bool { return false }
