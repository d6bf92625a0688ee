package proxy

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// check looks at a parsed head before any plugin does: who the client is, the
// target, the length of the body. It gives the status to refuse it with, or 0.
func (r *request) check() int {
	r.realIP()
	if text := r.certificateTrouble(); text != "" {
		r.failPage(text)
		return 0
	}
	if !r.splitTarget() {
		return 400
	}
	switch r.View(r.Method) {
	case "TRACE", "CONNECT":
		return 405
	}
	debug := false
	fs := r.Fields(&r.Request)
	for i := range fs {
		switch f := &fs[i]; f.ID {
		case message.HeaderContentType:
			if bytes.HasPrefix(r.ValueOf(f), []byte("application/grpc")) {
				r.Bits |= message.BitGRPC
			}
		case message.HeaderXKongRequestDebug, message.HeaderXKongRequestDebugToken:
			debug = true
		}
	}
	if debug {
		r.askForDebug()
	}
	if max := r.w.srv.Options.MaxBody; max > 0 && r.RequestBodyLength > max {
		return 413
	}
	return 0
}

// splitTarget sets URI, Args and Host from the request target and the Host
// field, and checks them: false means 400.
func (r *request) splitTarget() bool {
	t := r.Bytes(r.Target)
	off := r.Target.Off
	var host message.Str
	if t[0] != '/' {
		switch {
		case len(t) == 1 && t[0] == '*' && r.View(r.Method) == "OPTIONS":
			return false // nginx answers 400 as well: no location can take it
		case r.HTTPMajor > 1:
			return false // there, the authority has a place of its own
		default:
			k := absolute(t)
			if k == 0 {
				return false
			}
			e := bytes.IndexAny(t[k:], "/?#")
			if e < 0 {
				e = len(t) - k
			}
			host = message.Str{Off: off + uint32(k), Len: uint32(e)}
			t, off = t[k+e:], off+uint32(k+e)
			if host.Len == 0 {
				return false
			}
			r.Target = message.Str{Off: off, Len: uint32(len(t))}
			if len(t) == 0 {
				r.Target, _ = r.PutString("/")
			}
		}
	}
	path := message.Str{Off: off, Len: uint32(len(t))}
	if q := bytes.IndexByte(t, '?'); q >= 0 {
		path.Len = uint32(q)
		end := len(t)
		if h := bytes.IndexByte(t[q:], '#'); h > 0 {
			end = q + h
		}
		r.Args = message.Str{Off: off + uint32(q) + 1, Len: uint32(end - q - 1)}
	}
	if !r.normalise(path) {
		return false
	}
	if f := r.FindID(&r.Request, message.HeaderHost); f != nil {
		if host.Len == 0 {
			host = f.Value
		} else if !validHost(r.Bytes(f.Value)) {
			return false
		}
		if f.Value.Len == 0 {
			return false
		}
	}
	if host.Len > 0 {
		name, ok := r.checkHost(host)
		if !ok {
			return false
		}
		r.Host = name
	} else {
		r.Host, _ = r.PutString("kong") // nginx's server_name, for HTTP/1.0 without Host
	}
	return true
}

// absolute finds where the authority of an absolute-form target begins, 0 if
// it is none.
func absolute(t []byte) int {
	k := bytes.Index(t, []byte("://"))
	if k <= 0 {
		return 0
	}
	for _, c := range t[:k] {
		if !('a' <= c|0x20 && c|0x20 <= 'z') {
			return 0
		}
	}
	return k + 3
}

// normalise sets URI to the path's normal form.
func (r *request) normalise(path message.Str) bool {
	if path.Len == 0 {
		r.URI, _ = r.PutString("/")
		return true
	}
	raw := r.View(path)
	if router.IsNormal(raw) {
		r.URI = path
		return true
	}
	if !router.CheckPath(raw) {
		return false
	}
	room, err := r.Room(len(raw) + 1)
	if err != nil {
		return false
	}
	r.URI = r.Take(len(router.NormalizePath(room[:0], raw)))
	return true
}

// checkedHost is a Host value that was found good, and how much of it is the
// name, which has no upper-case letter: the next request mostly has the same.
type checkedHost struct {
	text []byte
	name uint32
}

// checkHost is hostName of a host that validHost accepts.
func (r *request) checkHost(host message.Str) (name message.Str, ok bool) {
	b, last := r.Bytes(host), &r.w.host
	if bytes.Equal(b, last.text) {
		return message.Str{Off: host.Off, Len: last.name}, true
	}
	if !validHost(b) {
		return message.Str{}, false
	}
	if name = r.hostName(host); name.Off == host.Off && len(b) <= maxCheckedHost {
		last.text, last.name = append(last.text[:0], b...), name.Len
	}
	return name, true
}

// maxCheckedHost bounds what is kept of a host: a DNS name with a port.
const maxCheckedHost = 255 + len(":65535")

// validHost refuses what nginx refuses in a Host field.
func validHost(h []byte) bool {
	if len(h) == 0 {
		return false
	}
	for i, c := range h {
		switch {
		case c <= ' ' || c == 127 || c == '/':
			return false
		case c == '.' && i+1 < len(h) && h[i+1] == '.':
			return false
		}
	}
	// A port or a dot alone names nobody.
	return h[0] != ':' && (h[0] != '.' || len(h) > 1 && h[1] != ':')
}

// hostName is host without its port, in lower case.
func (r *request) hostName(host message.Str) message.Str {
	b := r.Bytes(host)
	n := len(b)
	if n > 0 && b[0] == '[' {
		if k := bytes.IndexByte(b, ']'); k > 0 {
			n = k + 1
		}
	} else if k := bytes.IndexByte(b, ':'); k >= 0 {
		n = k
	}
	for n > 1 && b[n-1] == '.' {
		n--
	}
	host.Len = uint32(n)
	for _, c := range b[:n] {
		if 'A' <= c && c <= 'Z' {
			v, _ := r.Put(bytes.ToLower(b[:n]))
			return v
		}
	}
	return host
}

// Next implements router.Header.
func (r *request) Next(name string, from int) (string, int, bool) {
	fs := r.Fields(&r.Request)
	for ; from < len(fs); from++ {
		f := &fs[from]
		if int(f.Name.Len) == len(name) && f.Flags&message.FieldGone == 0 && router.SameName(r.View(message.Str{Off: f.Name.Off, Len: uint32(f.Name.Len)}), name) {
			return r.View(f.Value), from + 1, true
		}
	}
	return "", from, false
}

// findRoute asks the router, and sets what depends on route and service.
func (r *request) findRoute() plugin.Outcome {
	q := &r.w.router
	q.Method, q.Scheme, q.Path, q.Query = r.View(r.Method), r.scheme(), r.View(r.URI), r.View(r.Args)
	q.Host, q.SNI, q.ForwardedProto = "", "", ""
	if f := r.FindID(&r.Request, message.HeaderHost); f != nil {
		q.Host = r.View(f.Value)
	}
	if t := r.Flow.TLS; t != nil {
		q.SNI = t.ServerName
	}
	q.SrcIP, q.SrcPort = r.clientAddr(), int(r.RemotePort)
	q.DstIP, q.DstPort = r.Flow.Local.Addr().Unmap(), int(r.VisiblePort)
	q.WebSocket = r.Bits&message.BitUpgrade != 0
	q.Header = r
	if r.Bits&message.BitTrusted != 0 {
		if f := r.FindID(&r.Request, message.HeaderXForwardedProto); f != nil {
			q.ForwardedProto = r.View(f.Value)
		}
	}
	found := r.snap.Router.Match(q, &r.route)
	q.Header = nil
	if !found {
		r.exit(404, "no Route matched with those values")
		r.step = stepHeaderFilter
		return plugin.Continue
	}
	e := r.route.Entry
	r.dest = e.Data.(*snapshot.Destination)
	r.k.Router.Route, r.k.Router.Service = e.Route, e.Service
	r.run.Route(r.dest.Plan)
	r.captures()
	if grpcRoute(e.Route) && !r.isCall() {
		return r.notGRPC()
	}
	if r.wantsWebSocket() {
		r.socket = &webSocket{r: r}
	}
	if r.route.NeedsWebSocket || r.socket != nil && r.Bits&message.BitUpgrade == 0 {
		return r.notWebSocket()
	}
	if r.route.Redirect != 0 {
		return r.redirect(r.route.Redirect)
	}
	return r.toService()
}

// grpcRoute says whether a route takes gRPC calls (then it takes nothing else).
func grpcRoute(e *entity.Route) bool {
	return len(e.Protocols) > 0 && strings.HasPrefix(e.Protocols[0], "grpc")
}

// notGRPC refuses what matched a gRPC route and is no call over HTTP/2.
func (r *request) notGRPC() plugin.Outcome {
	r.step = stepHeaderFilter
	if r.Bits&message.BitGRPC == 0 {
		r.exit(415, "Non-gRPC request matched gRPC route")
		return plugin.Continue
	}
	_ = r.Add(&r.Response, "connection", "Upgrade")
	_ = r.Add(&r.Response, "upgrade", "HTTP/2")
	r.exit(426, "Please use HTTP2 protocol")
	return plugin.Continue
}

// captures hands the groups of a regex path to plugins.
func (r *request) captures() {
	r.w.captures = r.route.Captures(r.w.captures[:0], r.View(r.URI))
	if len(r.w.captures) == 0 {
		return
	}
	c := &pdk.Captures{}
	r.k.Captures = c
	for _, g := range r.w.captures {
		for len(c.Unnamed) < g.Index {
			c.Absent |= 1 << len(c.Unnamed)
			c.Unnamed = append(c.Unnamed, "")
		}
		if len(c.Unnamed) == g.Index {
			c.Unnamed = append(c.Unnamed, "")
		}
		c.Unnamed[g.Index] = g.Value
		if g.Name != "" {
			c.Names, c.Values = append(c.Names, g.Name), append(c.Values, g.Value)
		}
	}
}

// toService fills in what goes to the service unless plugins change it.
func (r *request) toService() plugin.Outcome {
	e := r.route.Entry
	if p := r.route.ForwardedPrefix(); p != "" {
		r.RoutePrefix, _ = r.PutString(p)
	}
	r.keepForwarded()
	if e.Route.PreserveHost {
		if f := r.FindID(&r.Request, message.HeaderHost); f != nil {
			r.UpstreamHost = f.Value
		}
	}
	if e.Service == nil {
		return plugin.Continue
	}
	if r.UpstreamScheme = r.Scheme; e.Service.Protocol != r.View(r.Scheme) {
		r.UpstreamScheme, _ = r.PutString(e.Service.Protocol)
	}
	uri := r.View(r.URI)
	room, err := r.Room(3*(len(uri)+len(e.Service.Path)) + 1)
	if err != nil {
		return plugin.Fail
	}
	r.UpstreamURI = r.Take(len(router.UpstreamPath(room[:0], &r.route, uri)))
	r.k.Balance.Buffering = false
	return plugin.Continue
}

// scheme is the protocol that routes are matched by.
func (r *request) scheme() string {
	if r.Bits&message.BitGRPC != 0 {
		if r.Flow.TLS != nil {
			return "grpcs"
		}
		return "grpc"
	}
	if r.Flow.TLS != nil {
		return "https"
	}
	return "http"
}

// clientAddr is the client's address after real-ip.
func (r *request) clientAddr() netip.Addr {
	if r.RemoteAddr == r.RealRemoteAddr {
		return r.Flow.Peer.Addr().Unmap()
	}
	a, err := netip.ParseAddr(r.View(r.RemoteAddr))
	if err != nil {
		return r.Flow.Peer.Addr().Unmap()
	}
	return a
}

// debugHeaders answers Kong-Debug, whatever its value, with what matched.
func (r *request) debugHeaders() {
	if !r.w.srv.Options.AllowDebugHeader || r.route.Entry == nil {
		return
	}
	if r.Find(&r.Request, "Kong-Debug") == nil {
		return
	}
	add := func(name, value string) {
		if value != "" {
			_ = r.Set(&r.Response, name, strings.ToValidUTF8(value, ""))
		}
	}
	route := r.route.Entry.Route
	add("Kong-Route-Id", route.ID)
	add("Kong-Route-Name", route.Name)
	if s := r.route.Entry.Service; s != nil {
		add("Kong-Service-Id", s.ID)
		add("Kong-Service-Name", s.Name)
	}
}
