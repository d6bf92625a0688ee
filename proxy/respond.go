package proxy

import (
	"bytes"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/http2"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// response is what the client gets: the upstream's response or an own one, on
// its way through the filters.
type response struct {
	// own: the body is k.Answer.Body, not the upstream's.
	own bool
	// replaced: header_filter put an own response in place of another.
	replaced bool
	// buffered: the upstream's body is, see spool; collecting: it is still coming.
	buffered, collecting bool
	// spool holds the upstream's whole body when it is buffered, else it is nil.
	spool  *spool.Spool
	replay int64
	// live: the buffered part is only the first one, the rest follows as it comes.
	// released: it will be, since collecting took too long.
	live, released bool
	// filters: body_filter runs. started: header_filter ran. ended: the last chunk is out.
	filters, started, ended bool
	// chunked: the client gets chunks. raw: bytes without a head.
	chunked, raw bool
	// noBody: the status or method allows none.
	noBody bool
	// noReason: the upstream's status line ended with the status.
	noReason bool
	// noCharset: the default charset stays away (nginx's pages of 301 and 302).
	noCharset bool
	// aborted: the connection must be closed, since the answer is incomplete.
	aborted bool
	// resetCode is what an HTTP/2 client's stream is reset with, 0 = INTERNAL_ERROR.
	resetCode http2.Code
	// upgraded: the connection became a tunnel.
	upgraded bool
	// tunnelled: the client's side is the tunnel's.
	tunnelled bool
	// hostOfPeer: the upstream's Host is the chosen address's name, not pinned by a plugin or the route.
	hostOfPeer bool
	// hints counts early hints that passed.
	hints uint8
	// length of the body as announced, -1 = unknown.
	length int64
}

// answer makes the response an own one.
func (o *response) answer(r *request) {
	o.own, o.raw = true, false
	o.noCharset = o.noCharset || r.k.Answer.NoCharset
	r.keep = r.keep && !r.k.Answer.Close
	r.ResponseBody, r.ResponseBodyLength = message.BodyLength, int64(len(r.k.Answer.Body))
}

// replace swaps the body for one that a plugin gave in header_filter.
func (o *response) replace(r *request) {
	o.replaced = o.replaced || !o.own
	o.answer(r)
	r.leaveUpstream()
	o.ended = false
}

// adoptResponse takes the upstream's head into the exchange. Headers that
// plugins set before stay, the upstream's are added.
func (r *request) adoptResponse(b []byte) error {
	h := &r.w.upHead
	first := r.Response.N
	base, err := h.Adopt(b, r.Shared, &r.Response)
	if err != nil {
		return err
	}
	r.Status, r.UpstreamStatus, r.Source = uint32(h.Status), uint32(h.Status), message.SourceService
	r.Reason = message.Str{Off: h.Reason.Off + base, Len: h.Reason.Len}
	r.out.noReason = h.NoReason
	r.ResponseBody, r.ResponseBodyLength = h.Body, h.Length
	if h.Body == message.BodyNone {
		r.ResponseBodyLength = -1
		if h.HasLength() {
			r.ResponseBodyLength = h.Length
		}
	}
	if h.Odd {
		r.dropInternal(first)
	}
	return nil
}

// dropInternal removes what the reference never passes on: X-Accel-* commands
// and Trailer unless the client takes trailers.
func (r *request) dropInternal(first uint32) {
	fs := r.Fields(&r.Response)[first:]
	trailers := false
	for i := range fs {
		f := &fs[i]
		switch {
		case f.ID == message.HeaderTrailer:
			if !trailers {
				trailers = r.takesTrailers()
			}
			if !trailers {
				f.Flags |= message.FieldHop
			}
		case f.ID == message.HeaderUpgrade && r.Status == 426 && r.HTTPMajor < 2 && r.Bits&message.BitUpgrade != 0:
			f.Flags &^= message.FieldHop // what to upgrade to is the answer (RFC 9110 section 15.5.22)
		case f.ID == message.HeaderOther && f.Name.Len >= 14 && accel(r.NameOf(f)):
			f.Flags |= message.FieldGone
		}
	}
}

// accel matches the X-Accel-* names that nginx acts on.
func accel(name []byte) bool {
	if len(name) < 8 || !message.EqualFold(name[:8], "X-Accel-") {
		return false
	}
	switch string(bytes.ToLower(name[8:])) {
	case "expires", "redirect", "limit-rate", "buffering", "charset":
		return true
	}
	return false
}

// headerFilter runs the plugins' header_filter and then settles the head.
func (r *request) headerFilter() plugin.Outcome {
	o := &r.out
	if o.raw {
		return plugin.Continue
	}
	if r.Times.HeaderFilter == 0 {
		r.Times.HeaderFilter = r.w.Loop.Now()
		if t := r.target; t != nil && t.tries.SetCookie != "" {
			_ = r.Add(&r.Response, "Set-Cookie", t.tries.SetCookie)
		}
		if r.Status == 0 {
			r.Status = 200
		}
	}
	if r.socket == nil {
		if out := r.run.Phase(&r.k, phase.HeaderFilter); out != plugin.Continue {
			return out
		}
	}
	r.debugHeaders()
	r.addOwnHeaders()
	if r.debug != nil {
		r.debugOutput()
	}
	if o.own && silent(r.Status) {
		o.aborted, r.keep = true, false
		r.step = stepFinish
		return plugin.Continue
	}
	o.filters = r.socket == nil && r.run.Filters()
	o.noBody = r.head || r.Status < 200 || r.Status == 204 || r.Status == 304
	return plugin.Continue
}

// silent statuses close the connection without a word (nginx: 408, 444, 499).
func silent(status uint32) bool { return status == 408 || status == 444 || status == 499 }

// wantsDate says whether we add a Date of our own.
func (r *request) wantsDate() bool {
	return (r.out.own && !r.out.replaced || r.out.buffered || r.grpcUpstream()) && r.FindID(&r.Response, message.HeaderDate) == nil
}

// settleHead does what is left to do for a response head of any protocol: the
// content type's charset, and the length that is announced.
func (r *request) settleHead() {
	o := &r.out
	if r.Status == 204 && o.own {
		r.Del(&r.Response, "content-type")
	}
	r.charset()
	o.length = -1
	if f := r.FindID(&r.Response, message.HeaderContentLength); f != nil {
		o.length = message.ParseLength(r.Bytes(f.Value))
	}
}

// lengthTold says whether the client is told Content-Length.
func (r *request) lengthTold() bool {
	o := &r.out
	return o.length >= 0 && r.Status >= 200 && !(r.Status == 204 && o.own && !o.replaced && o.length == 0)
}

// streamBody writes the head with the first piece of the body, then the rest
// as it comes, through body_filter.
func (r *request) streamBody() plugin.Outcome {
	o := &r.out
	if o.upgraded {
		if r.socket != nil && r.socket.inspect {
			return r.openWebSocket()
		}
		return r.openTunnel()
	}
	out := r.pumpResponse()
	if out != plugin.Fail {
		if err := r.client.flush(); err != nil {
			out = plugin.Continue
			r.gone, r.ClientGone = true, true
		}
	}
	if out == plugin.Continue {
		r.Times.UpstreamEnd = r.w.Loop.Now()
	}
	return out
}

// pumpResponse moves body bytes until the end (Continue), until either side
// must be waited for (Suspend), or until a filter fails.
func (r *request) pumpResponse() plugin.Outcome {
	o := &r.out
	for !o.ended {
		if !r.client.room() {
			r.client.await()
			return plugin.Suspend
		}
		data, last, err := r.nextBody()
		if err != nil {
			r.w.srv.logRequest(r, "upstream", err.Error()+" while reading upstream")
			o.aborted = true
			return plugin.Continue
		}
		if len(data) == 0 && !last {
			if !o.started && (!o.filters || r.isStream()) {
				return r.startEarly()
			}
			return plugin.Suspend
		}
		if len(data) > 0 {
			if out := r.emit(data, false); out != plugin.Continue {
				return out
			}
		}
		if last {
			if out := r.emit(nil, true); out != plugin.Continue {
				return out
			}
		}
	}
	if r.client.unsent() {
		r.client.await()
		return plugin.Suspend
	}
	return plugin.Continue
}

// startEarly sends the head although no body byte is there yet: a slow
// upstream must not hold it back.
func (r *request) startEarly() plugin.Outcome {
	r.start()
	return plugin.Suspend
}

// nextBody is the next piece of the response body; last with the end of it.
func (r *request) nextBody() (data []byte, last bool, err error) {
	o := &r.out
	switch {
	case o.own:
		data, r.k.Answer.Body = r.k.Answer.Body, nil
		return data, true, nil
	case o.buffered:
		return r.nextSpooled()
	}
	return r.nextUpstream()
}

// nextUpstream is the next piece of the upstream's body: see upstreamSide.next.
func (r *request) nextUpstream() (data []byte, done bool, err error) {
	if r.up == nil {
		return nil, true, nil
	}
	if data, done, err = r.up.next(); done && err == nil {
		if u, ok := r.up.(*upstreamConn); ok && len(u.dec.Trailer) > 0 {
			err = r.adoptTrailer(u)
		}
	}
	return data, done, err
}

// emit passes a piece through body_filter and holds it for the client.
func (r *request) emit(data []byte, last bool) plugin.Outcome {
	o := &r.out
	if o.filters && (!o.noBody || !o.own && !o.buffered && !r.head) { // the end of a service's answer is told even where it has no body
		out, res := r.run.Filter(&r.k, data, last)
		if res != plugin.Continue {
			return plugin.Fail
		}
		data = out
	}
	r.start()
	if last {
		o.ended = true
	}
	var err error
	if len(data) > 0 && !o.noBody {
		if o.length >= 0 && !o.raw {
			if left := o.length - int64(r.BodyBytesSent); int64(len(data)) > left {
				data = data[:max(left, 0)]
			}
		}
		r.BodyBytesSent += uint64(len(data))
		err = r.client.write(data)
	}
	if last {
		if o.length > int64(r.BodyBytesSent) && !o.noBody {
			o.aborted = true // less than announced: only breaking off tells the client
		}
		err = r.client.end()
	}
	if err != nil {
		r.gone, r.ClientGone = true, true
	}
	return plugin.Continue
}

// start puts the head in front of the first piece.
func (r *request) start() {
	o := &r.out
	if o.started {
		return
	}
	o.started = true
	r.continue100()
	r.client.begin()
	r.HeadSent = 1
}

// clientDrained goes on after the client took what waited.
func (r *request) clientDrained() {
	switch {
	case r.suspended && r.step == stepBody:
		if r.up != nil {
			r.up.await()
		}
		r.resume()
	case !r.body.done && r.body.mode != bodyPaused:
		r.pumpBody()
	}
}

// clientBehind says whether the response waits for the client to take what it has got.
func (r *request) clientBehind() bool {
	return r.suspended && r.step == stepBody && !r.client.room()
}

// upstreamReadable goes on when the upstream sent more of its response.
func (r *request) upstreamReadable() {
	if !r.suspended {
		return
	}
	switch {
	case r.step == stepBody && r.client.room():
		r.resume()
	case r.step == stepResponse && r.out.collecting:
		r.resume()
	}
}

// responseBroken: the upstream's response will not be completed.
func (r *request) responseBroken(err error) {
	r.w.srv.logRequest(r, "upstream", err.Error()+" while reading upstream")
	if r.step == stepResponse && r.out.collecting {
		r.out.collecting = false
		r.report(0, health.TimeoutFailure)
		r.leaveUpstream()
		r.failProxy(504)
		r.again(stepHeaderFilter)
		return
	}
	r.out.aborted = true
	r.again(stepFinish)
}

// charset adds the default charset to a textual type without one, to proxied
// responses as to own ones (nginx's charset directive).
func (r *request) charset() {
	cs := r.w.srv.charset
	if cs == "" || r.out.noCharset {
		return
	}
	f := r.FindID(&r.Response, message.HeaderContentType)
	if f == nil {
		return
	}
	v := r.View(f.Value)
	if !textual(v) {
		return
	}
	room, err := r.Room(len(v) + len(cs))
	if err != nil {
		return
	}
	n := copy(room, v)
	f.Value = r.Take(n + copy(room[n:], cs))
	f.Flags |= message.FieldEdited
}

// textual matches the types that nginx's charset_types lists by default, in any case.
func textual(v string) bool {
	switch len(v) {
	case 8:
		return strings.EqualFold(v, "text/xml")
	case 9:
		return v == "text/html" || strings.EqualFold(v, "text/html")
	case 10:
		return v == "text/plain" || strings.EqualFold(v, "text/plain")
	case 19:
		return strings.EqualFold(v, "application/rss+xml")
	case 22:
		return strings.EqualFold(v, "application/javascript")
	}
	return false
}
