package proxy

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
	"github.com/gibbon-gateway/gibbon/wire/websocket"
)

// wantsWebSocket says whether the request's service is for WebSockets.
func (r *request) wantsWebSocket() bool {
	s := r.route.Entry.Service
	return s != nil && (s.Protocol == "ws" || s.Protocol == "wss")
}

// notWebSocket refuses what matched a WebSocket route or service and asks for none.
func (r *request) notWebSocket() plugin.Outcome {
	r.step = stepHeaderFilter
	_ = r.Add(&r.Response, "connection", "Upgrade")
	_ = r.Add(&r.Response, "upgrade", "websocket")
	r.exit(426, "Please use WebSocket protocol")
	return plugin.Continue
}

// webSocketAccess stands for access where the service is for WebSockets: it
// checks the handshake, runs ws_handshake, and decides whether the gateway
// looks at frames.
func (r *request) webSocketAccess() plugin.Outcome {
	if r.k.WebSocket == nil {
		if err := r.checkHandshake(); err != nil {
			status := 400
			if err == websocket.ErrVersion {
				status = 426
				_ = r.Set(&r.Response, "Sec-WebSocket-Version", websocket.Version)
			}
			r.exit(status, err.Error())
			r.step = stepHeaderFilter
			return plugin.Continue
		}
		r.k.WebSocket = pdk.NewWebSocket(&r.k)
	}
	if out := r.run.Phase(&r.k, phase.WSHandshake); out != plugin.Continue {
		return out
	}
	w := r.k.WebSocket
	r.socket.inspect = r.run.Frames() || w.Client.MaxPayloadSize() > 0 || w.Upstream.MaxPayloadSize() > 0
	if r.socket.inspect {
		return r.terminate()
	}
	return plugin.Continue
}

// checkHandshake: over HTTP/2 (RFC 8441) there is no key, so the upstream gets
// one of ours.
func (r *request) checkHandshake() error {
	if r.HTTPMajor < 2 {
		return websocket.CheckRequest(r.View(r.Method), int(r.HTTPMajor), int(r.HTTPMinor), r.fields(&r.Request))
	}
	if r.joined(&r.Request, "Sec-WebSocket-Version") != websocket.Version {
		return websocket.ErrVersion
	}
	return r.setKey()
}

// terminate makes two WebSockets of one, since handlers see what is inside of
// frames: compression is agreed on with either side separately. What the
// client did not offer is not offered to the upstream either.
func (r *request) terminate() plugin.Outcome {
	s := r.socket
	s.key, s.protocols = r.joined(&r.Request, "Sec-WebSocket-Key"), r.joined(&r.Request, "Sec-WebSocket-Protocol")
	offers := r.joined(&r.Request, "Sec-WebSocket-Extensions")
	r.Del(&r.Request, "Sec-WebSocket-Extensions")
	if offers == "" {
		return plugin.Continue
	}
	d, answer, ok := websocket.AcceptDeflate(offers, true)
	if !ok {
		return plugin.Continue
	}
	s.answer = answer
	s.client.reader.Inflate = &websocket.Inflater{NoTakeover: true}
	s.client.deflater = &websocket.Deflater{NoTakeover: true, Bits: d.ServerBits}
	if err := r.Set(&r.Request, "Sec-WebSocket-Extensions", websocket.OfferDeflate); err != nil {
		return plugin.Fail
	}
	return plugin.Continue
}

var errHandshake = errors.New("upstream sent an invalid WebSocket handshake")

// webSocketAnswered looks at the upstream's answer to a handshake: where the
// gateway looks at frames, a 101 must be right; any other answer passes as it is.
func (r *request) webSocketAnswered() plugin.Outcome {
	s := r.socket
	if !s.inspect || !r.out.upgraded {
		return plugin.Continue
	}
	err := websocket.CheckResponse(s.key, s.protocols, r.fields(&r.Response))
	if err == nil {
		var d *websocket.Deflate
		if d, err = websocket.CheckExtensions(r.joined(&r.Response, "Sec-WebSocket-Extensions")); err == nil && d != nil {
			if s.answer == "" {
				err = websocket.ErrExtensions
			}
			s.upstream.reader.Inflate = &websocket.Inflater{NoTakeover: true}
			s.upstream.deflater = &websocket.Deflater{NoTakeover: true, Bits: d.ClientBits}
		}
	}
	if err != nil {
		r.w.srv.logRequest(r, "upstream", errHandshake.Error()+": "+err.Error()+upstreamContext(r, false))
		r.out.upgraded = false
		r.leaveUpstream()
		r.Clear(&r.Response)
		r.failProxy(502)
		r.step = stepHeaderFilter
		return plugin.Continue
	}
	r.Del(&r.Response, "Sec-WebSocket-Extensions")
	if s.answer != "" {
		_ = r.Set(&r.Response, "Sec-WebSocket-Extensions", s.answer)
	}
	return plugin.Continue
}

// fields gives the codec's view of a head.
func (r *request) fields(h *message.Head) websocket.Fields {
	return func(name string) string { return r.joined(h, name) }
}

// joined is the value of a field, several of one name joined with commas.
func (r *request) joined(h *message.Head, name string) string {
	value := ""
	fs := r.Fields(h)
	for i := range fs {
		f := &fs[i]
		if f.Flags&message.FieldGone != 0 || !message.EqualFold(r.NameOf(f), name) {
			continue
		}
		if value != "" {
			value += ", "
		}
		value += r.View(f.Value)
	}
	return value
}
