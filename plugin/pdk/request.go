package pdk

import (
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Request is kong.request: what the client sent, as plugins before may have
// changed it. Strings point into the exchange: clone them to keep them longer.
type Request struct{ k *Kong }

// Method in upper case.
func (r *Request) Method() string { return r.k.X.View(r.k.X.Method) }

// Scheme that the client spoke: "http" or "https".
func (r *Request) Scheme() string { return r.k.X.View(r.k.X.Scheme) }

// Host without port, in lower case; "kong" when the request names none.
func (r *Request) Host() string {
	if h := r.k.X.View(r.k.X.Host); h != "" {
		return h
	}
	return "kong"
}

// Port that the client connected to.
func (r *Request) Port() int { return int(r.k.X.ServerPort) }

// HTTPVersion is 1, 1.1, 2 or 3.
func (r *Request) HTTPVersion() float64 {
	if r.k.X.HTTPMajor == 1 && r.k.X.HTTPMinor == 1 {
		return 1.1
	}
	return float64(r.k.X.HTTPMajor)
}

// ID is the request's id: 32 lower-case hex digits.
func (r *Request) ID() string { return r.k.X.View(r.k.X.RequestID) }

// StartTime is when the request began, in milliseconds since the epoch.
func (r *Request) StartTime() float64 { return float64(int64(r.k.X.StartTime*1000 + 0.5)) }

// PathWithQuery is the request target as sent, without scheme and authority
// where it had them.
func (r *Request) PathWithQuery() string {
	t := r.k.X.View(r.k.X.Target)
	if t == "" || t[0] == '/' {
		return t
	}
	if i := strings.Index(t, "://"); i > 0 {
		if j := strings.IndexAny(t[i+3:], "/?"); j >= 0 {
			return t[i+3+j:]
		}
		return "/"
	}
	return t
}

// RawPath is the path as sent.
func (r *Request) RawPath() string {
	p, _, _ := strings.Cut(r.PathWithQuery(), "?")
	return p
}

// Path is the path in normal form: unreserved escapes decoded, dot segments
// and double slashes removed.
func (r *Request) Path() string {
	p := r.RawPath()
	if isNormal(p) {
		return p
	}
	return string(router.NormalizePath(make([]byte, 0, len(p)), p))
}

// isNormal says whether normalising p would change nothing; false for doubt.
func isNormal(p string) bool {
	for i := 0; i < len(p); i++ {
		if p[i] == '%' || p[i] == '/' && i+1 < len(p) && (p[i+1] == '/' || p[i+1] == '.') {
			return false
		}
	}
	return true
}

// RawQuery is the query as sent or as a plugin set it, without "?".
func (r *Request) RawQuery() string { return r.k.X.View(r.k.X.Args) }

// Query decodes at most max arguments of the query; truncated tells that
// there are more. max is 1 to MaxArgsLimit, MaxArgs by default in Lua.
func (r *Request) Query(max int) (args Args, truncated bool) {
	args, truncated = ParseArgs(r.RawQuery(), max)
	if truncated {
		r.k.Log.Notice("uri args truncated")
	}
	return args, truncated
}

// QueryArg is the first argument of that name among the first MaxArgs.
func (r *Request) QueryArg(name string) (Arg, bool) {
	a, found, truncated := findArg(r.RawQuery(), name)
	if truncated {
		r.k.Log.Notice("uri args truncated")
	}
	return a, found
}

// Header is the first value of a header, "" without one. Case does not count;
// an exact name goes before one that differs in "-" and "_". Several Cookie
// fields are read as one.
func (r *Request) Header(name string) string {
	v, _ := r.LookupHeader(name)
	return v
}

// LookupHeader is Header that tells an empty header from none.
func (r *Request) LookupHeader(name string) (string, bool) {
	x := r.k.X
	f := lookup(x.Shared, &x.Request, name)
	if f == nil {
		return "", false
	}
	if f.ID == message.HeaderCookie {
		return r.joined(f), true
	}
	return x.View(f.Value), true
}

// joined is all Cookie fields as one value.
func (r *Request) joined(first *message.Field) string {
	x := r.k.X
	all := x.View(first.Value)
	seen := false
	fs := x.Fields(&x.Request)
	for i := range fs {
		f := &fs[i]
		if f == first {
			seen = true
		} else if seen && f.ID == first.ID && f.Flags&message.FieldGone == 0 {
			all += "; " + x.View(f.Value)
		}
	}
	return all
}

// HeaderCount is how many fields there are of the name that Header would find.
func (r *Request) HeaderCount(name string) int {
	x := r.k.X
	found := lookup(x.Shared, &x.Request, name)
	if found == nil {
		return 0
	}
	name = x.View(message.Str{Off: found.Name.Off, Len: uint32(found.Name.Len)})
	n := 0
	fs := x.Fields(&x.Request)
	for i := range fs {
		if f := &fs[i]; f.Flags&message.FieldGone == 0 && message.EqualFold(x.NameOf(f), name) {
			n++
		}
	}
	return n
}

// Headers are at most max headers of the request; truncated tells that there
// are more.
func (r *Request) Headers(max int) (set HeaderSet, truncated bool) {
	set, truncated = collect(r.k.X.Shared, &r.k.X.Request, max)
	if truncated {
		r.k.Log.Notice("request headers truncated")
	}
	return set, truncated
}

// trusted says whether the client's X-Forwarded-* count (trusted_ips).
func (r *Request) trusted() bool { return r.k.X.Bits&message.BitTrusted != 0 }

// ForwardedScheme is X-Forwarded-Proto of a trusted client, in lower case, else Scheme.
func (r *Request) ForwardedScheme() string {
	if r.trusted() {
		if v := r.Header("X-Forwarded-Proto"); v != "" {
			return strings.ToLower(v)
		}
	}
	return r.Scheme()
}

// ForwardedHost is X-Forwarded-Host of a trusted client, without user and port
// and in lower case, else Host.
func (r *Request) ForwardedHost() string {
	if r.trusted() {
		if host, _ := splitHost(r.Header("X-Forwarded-Host")); host != "" {
			return strings.ToLower(host)
		}
	}
	return r.Host()
}

// ForwardedPort is, of a trusted client, X-Forwarded-Port or the port in
// X-Forwarded-Host, whichever is a port; else the listener's, as port_maps has it.
func (r *Request) ForwardedPort() int {
	if r.trusted() {
		if p := parsePort(r.Header("X-Forwarded-Port")); p > 0 {
			return p
		}
		if _, port := splitHost(r.Header("X-Forwarded-Host")); parsePort(port) > 0 {
			return parsePort(port)
		}
	}
	if p, mapped := r.k.Gateway.PortMaps[r.Port()]; mapped {
		return p
	}
	return r.Port()
}

// ForwardedPath is X-Forwarded-Path of a trusted client, as it stands, else Path.
func (r *Request) ForwardedPath() string {
	if r.trusted() {
		if v := r.Header("X-Forwarded-Path"); v != "" {
			return v
		}
	}
	return r.Path()
}

// ForwardedPrefix is X-Forwarded-Prefix of a trusted client, else the part of
// the path that the route stripped, "" for none.
func (r *Request) ForwardedPrefix() string {
	if r.trusted() {
		if v := r.Header("X-Forwarded-Prefix"); v != "" {
			return v
		}
	}
	if route := r.k.Router.Route; route == nil || !route.StripPath {
		return ""
	}
	if p := r.k.X.View(r.k.X.RoutePrefix); p != "/" {
		return p
	}
	return ""
}

// splitHost splits "user@host:port"; IPv6 addresses keep their brackets.
func splitHost(v string) (host, port string) {
	if i := strings.LastIndexByte(v, '@'); i >= 0 {
		v = v[i+1:]
	}
	if i := strings.LastIndexByte(v, ':'); i > strings.IndexByte(v, ']') {
		return v[:i], v[i+1:]
	}
	return v, ""
}

// parsePort reads 1 to 65535; 0 for anything else.
func parsePort(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}
