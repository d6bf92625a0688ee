package proxy

import (
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// skipSets say which known fields are written by us instead of being copied.
type skipSets struct{ request, response [256]bool }

func (s *skipSets) init(h *HeaderSet) {
	for _, id := range []message.KnownHeader{
		message.HeaderHost, message.HeaderContentLength, message.HeaderVia, message.HeaderXForwardedFor,
		message.HeaderXForwardedProto, message.HeaderXForwardedHost, message.HeaderXForwardedPort,
		message.HeaderXForwardedPath, message.HeaderXForwardedPrefix, message.HeaderXRealIP, message.HeaderXKongRequestID,
		// Hop-by-hop, or ours to say: a plugin's own must not contradict how the message is framed.
		message.HeaderConnection, message.HeaderTransferEncoding, message.HeaderKeepAlive, message.HeaderUpgrade,
		message.HeaderExpect, message.HeaderProxyConnection, message.HeaderProxy,
	} {
		s.request[id] = true
	}
	s.request[message.HeaderXKongRequestID] = h.UpstreamRequestID // else the client's own passes
	s.response[message.HeaderContentLength], s.response[message.HeaderTransferEncoding] = true, true
}

// pinHost sets the Host for the upstream where neither a plugin nor the route did.
func (r *request) pinHost() {
	if r.UpstreamHost.Len == 0 || r.out.hostOfPeer {
		r.out.hostOfPeer = true // each try asks for its own
		r.UpstreamHost, _ = r.PutString(r.target.hostPort)
	}
}

// appendHead appends the request head for the upstream and says how the body follows.
func (r *request) appendHead(dst []byte) ([]byte, message.BodyKind) {
	r.pinHost()
	dst = append(dst, r.Bytes(r.Method)...)
	dst = append(dst, ' ')
	dst = http1.AppendTarget(dst, r.Bytes(r.UpstreamURI)) // plugins may set both
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = http1.AppendValue(dst, r.Bytes(r.UpstreamHost))
	if r.Bits&message.BitUpgrade != 0 {
		dst = append(dst, "\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"...)
	} else {
		dst = append(dst, "\r\nConnection: keep-alive\r\n"...)
	}
	dst = r.appendOwn(dst)
	kind, length := r.framing()
	switch kind {
	case message.BodyLength:
		dst = append(dst, "Content-Length: "...)
		dst = message.AppendInt(dst, length)
		dst = append(dst, "\r\n"...)
	case message.BodyChunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	dst = http1.AppendFields(dst, r.Shared, &r.Request, &r.w.skip.request)
	return append(dst, "\r\n"...), kind
}

// appendOwn appends the gateway's own fields: who asks, the request's id, Via.
func (r *request) appendOwn(dst []byte) []byte {
	dst = r.appendForwarded(dst)
	if r.w.srv.Options.Headers.UpstreamRequestID {
		dst = append(dst, "X-Kong-Request-Id: "...)
		dst = append(dst, r.Bytes(r.RequestID)...)
		dst = append(dst, "\r\n"...)
	}
	return r.appendVia(dst)
}

// clientSaid is what the client's own forwarding headers said when the route
// was found: what plugins make of them later does not change what goes upstream.
type clientSaid struct {
	forwardedFor, via, proto, host, port, path, prefix message.Str
	hasFor, hasVia, hasPort, hasPath                   bool
}

// keepForwarded fills in r.said.
func (r *request) keepForwarded() {
	s := &r.said
	*s = clientSaid{proto: r.Scheme, host: r.Host, prefix: r.RoutePrefix}
	if f := r.FindID(&r.Request, message.HeaderXForwardedFor); f != nil {
		s.forwardedFor, s.hasFor = f.Value, true
	}
	if f := r.FindID(&r.Request, message.HeaderVia); f != nil {
		s.via, s.hasVia = f.Value, true
		r.joinVia(f)
	}
	if r.Bits&message.BitTrusted == 0 {
		return
	}
	take := func(id message.KnownHeader, to *message.Str) bool {
		f := r.FindID(&r.Request, id)
		if f != nil {
			*to = f.Value
		}
		return f != nil
	}
	take(message.HeaderXForwardedProto, &s.proto)
	take(message.HeaderXForwardedHost, &s.host)
	s.hasPort = take(message.HeaderXForwardedPort, &s.port)
	s.hasPath = take(message.HeaderXForwardedPath, &s.path)
	take(message.HeaderXForwardedPrefix, &s.prefix)
}

// joinVia makes one list of several Via fields.
func (r *request) joinVia(first *message.Field) {
	fs := r.Fields(&r.Request)
	for i := range fs {
		if f := &fs[i]; f != first && f.ID == message.HeaderVia && f.Flags&message.FieldGone == 0 {
			r.said.via, _ = r.PutString(r.View(r.said.via) + ", " + r.View(f.Value))
		}
	}
}

// appendForwarded appends X-Forwarded-* and X-Real-IP.
func (r *request) appendForwarded(dst []byte) []byte {
	s := &r.said
	dst = append(dst, "X-Forwarded-For: "...)
	if s.hasFor {
		dst = append(dst, r.Bytes(s.forwardedFor)...)
		dst = append(dst, ", "...)
		dst = append(dst, r.Bytes(r.RealRemoteAddr)...)
	} else {
		dst = append(dst, r.Bytes(r.RemoteAddr)...)
	}
	// What a trusted peer sent empty is not sent at all.
	if s.proto.Len > 0 {
		dst = append(dst, "\r\nX-Forwarded-Proto: "...)
		dst = append(dst, r.Bytes(s.proto)...)
	}
	if s.host.Len > 0 {
		dst = append(dst, "\r\nX-Forwarded-Host: "...)
		dst = append(dst, r.Bytes(s.host)...)
	}
	if p := r.VisiblePort; s.port.Len > 0 {
		dst = append(dst, "\r\nX-Forwarded-Port: "...)
		dst = append(dst, r.Bytes(s.port)...)
	} else if p != 0 && !s.hasPort { // a unix socket has none
		dst = append(dst, "\r\nX-Forwarded-Port: "...)
		dst = message.AppendInt(dst, int64(p))
	}
	if s.path.Len > 0 {
		dst = append(dst, "\r\nX-Forwarded-Path: "...)
		dst = append(dst, r.Bytes(s.path)...)
	} else if !s.hasPath {
		dst = append(dst, "\r\nX-Forwarded-Path: "...)
		dst = append(dst, pathOf(r.Bytes(r.Target))...)
	}
	dst = append(dst, "\r\n"...)
	if s.prefix.Len > 0 {
		dst = http1.AppendField(dst, "X-Forwarded-Prefix", r.View(s.prefix))
	}
	dst = append(dst, "X-Real-IP: "...)
	dst = append(dst, r.Bytes(r.RemoteAddr)...)
	return append(dst, "\r\n"...)
}

// forwarded is a trusted peer's own value of a forwarding header, else ours.
func (r *request) forwarded(id message.KnownHeader, own string) string {
	if r.Bits&message.BitTrusted != 0 {
		if f := r.FindID(&r.Request, id); f != nil {
			return r.View(f.Value)
		}
	}
	return own
}

// visiblePort is the port that clients see for one of ours (setting port_maps).
func (s *Server) visiblePort(port uint16) uint16 {
	if p, ok := s.Options.PortMaps[port]; ok {
		return p
	}
	return port
}

// pathOf is a request target without its query.
func pathOf(target []byte) []byte {
	for i, c := range target {
		if c == '?' {
			return target[:i]
		}
	}
	return target
}

// appendVia appends to the client's Via: our protocol version and token.
func (r *request) appendVia(dst []byte) []byte {
	dst = append(dst, "Via: "...)
	if r.said.hasVia {
		dst = append(dst, r.Bytes(r.said.via)...)
		dst = append(dst, ", "...)
	}
	switch {
	case r.HTTPMajor == 2:
		dst = append(dst, "2 "...)
	case r.HTTPMinor == 1:
		dst = append(dst, "1.1 "...)
	case r.HTTPMinor == 0:
		dst = append(dst, "1 "...)
	}
	dst = append(dst, r.w.srv.Options.Token...)
	return append(dst, "\r\n"...)
}

// ownLines bounds the gateway's own response headers: their number, and their
// bytes without the token, which may come twice.
const (
	ownLines     = 7
	ownLineBytes = 320
)

// addOwnHeaders adds the gateway's headers to the response, after all plugins.
func (r *request) addOwnHeaders() {
	o := &r.w.srv.Options
	h := &o.Headers
	proxied := r.Source == message.SourceService || r.target != nil && r.target.tried > 0 || r.Bits&bitProxied != 0
	t := &r.Times
	l := r.OpenLines(&r.Response, ownLines, ownLineBytes+2*len(o.Token))
	if proxied {
		if h.UpstreamLatency {
			at := t.UpstreamHead
			if at == 0 {
				at = r.w.Loop.Now()
			}
			l.AddInt(message.HeaderXKongUpstreamLatency, "X-Kong-Upstream-Latency: ", milliseconds(at-t.AccessEnd))
		}
		if h.ProxyLatency {
			l.AddInt(message.HeaderXKongProxyLatency, "X-Kong-Proxy-Latency: ", milliseconds(t.AccessEnd-t.Start))
		}
		if h.Via {
			l.Add(message.HeaderVia, "Via: ", r.via(l.Has(message.HeaderVia)))
		}
		if h.Server && !l.Has(message.HeaderServer) {
			l.Add(message.HeaderServer, "Server: ", o.Token)
		}
	} else {
		if h.ResponseLatency {
			l.AddInt(message.HeaderXKongResponseLatency, "X-Kong-Response-Latency: ", milliseconds(r.w.Loop.Now()-t.Start))
		}
		if h.Server {
			l.Add(message.HeaderServer, "Server: ", o.Token)
		}
	}
	if h.UpstreamStatus && r.UpstreamStatus != 0 {
		l.AddInt(message.HeaderXKongUpstreamStatus, "X-Kong-Upstream-Status: ", int64(r.UpstreamStatus))
	}
	if h.RequestID {
		l.Add(message.HeaderXKongRequestID, "X-Kong-Request-Id: ", r.View(r.RequestID))
	}
	l.Close()
	if a := &o.AddHeader; a.Name != "" && (a.Always || addsTo(r.Status)) {
		_ = r.Add(&r.Response, a.Name, a.Value)
	}
}

// milliseconds of ns, 0 for less than none.
func milliseconds(ns int64) int64 { return max(ns, 0) / 1e6 }

// addsTo are the statuses that add_header adds to without always.
func addsTo(status uint32) bool {
	switch status {
	case 200, 201, 204, 206, 301, 302, 303, 304, 307, 308:
		return true
	}
	return false
}

// via is the response's Via with the gateway behind whatever it had.
func (r *request) via(had bool) string {
	own := r.w.srv.viaResponse
	if r.Bits&bitUpstreamH2 != 0 || r.grpcUpstream() {
		own = r.w.srv.viaH2
	}
	if had {
		own = r.View(r.FindID(&r.Response, message.HeaderVia).Value) + ", " + own
	}
	return own
}
