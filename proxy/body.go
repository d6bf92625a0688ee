package proxy

import (
	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// wantsBody says whether request body bytes are to be read now.
func (r *request) wantsBody() bool {
	b := &r.body
	if b.done {
		return false
	}
	switch b.mode {
	case bodyCollect, bodyDiscard:
		return true
	case bodyStream:
		return r.up != nil && r.up.room()
	}
	return false
}

// pumpBody takes body bytes from the client, as long as they are wanted.
func (r *request) pumpBody() { r.client.pump() }

// bodyEnded: the client's side has handed on the whole body.
func (r *request) bodyEnded() {
	r.body.done = true
	switch r.body.mode {
	case bodyCollect:
		r.collected(nil)
	case bodyStream:
		r.up.bodyEnd()
	}
}

// bodyData hands one piece on; false ends the pump, since the request failed.
func (r *request) bodyData(data []byte, err error) bool {
	b := &r.body
	b.received += int64(len(data))
	r.RequestLength += uint64(len(data))
	if max := r.w.srv.Options.MaxBody; err == nil && max > 0 && b.received > max {
		err = errBodyTooLarge
	}
	if err == nil && len(data) > 0 {
		switch b.mode {
		case bodyCollect:
			err = r.bodySpool().Write(data)
		case bodyStream:
			if _, shared := r.up.(*h2Call); shared {
				r.keepBody(data)
			}
			err = r.up.bodyData(data)
			if err != nil { // the upstream is gone; what it answered may still come
				b.mode = bodyDiscard
				err = nil
			}
		}
	}
	if err == nil {
		return true
	}
	r.bodyFailed(err)
	return false
}

// replayMax is how much of a body that is streamed over HTTP/2 is kept, so that
// a short one can be sent again where a shared connection went away.
const replayMax = 8 << 10

// keepBody keeps a piece of a streamed body; received counts it already.
func (r *request) keepBody(data []byte) {
	b := &r.body
	if b.received <= replayMax && b.stored()+int64(len(data)) == b.received {
		_ = r.bodySpool().Write(data) // without it, the body is only not kept
	}
}

// streamedBefore is what an earlier try has streamed of the body: it goes first again.
func (r *request) streamedBefore() []byte {
	if r.body.received == 0 || r.body.spool == nil {
		return nil
	}
	b, _ := r.body.spool.Bytes() // replayMax stays in memory
	return b
}

// bodySpool is where the body is, or will be, stored.
func (r *request) bodySpool() *spool.Spool {
	if r.body.spool == nil {
		r.body.spool, _ = take(&r.w.spools)
	}
	return r.body.spool
}

// spoolOptions are those of request bodies.
func (r *request) spoolOptions() spool.Options {
	o := &r.w.srv.Options
	return spool.Options{MemoryLimit: o.BodyBuffer, Dir: o.SpoolDir}
}

// stored is how many bytes are in the spool.
func (b *requestBody) stored() int64 {
	if b.spool == nil {
		return 0
	}
	return b.spool.Len()
}

// kept says whether all that was streamed so far can be sent again.
func (b *requestBody) kept() bool { return b.stored() == b.received }

// bodyFailed: the body is malformed, too large, or could not be stored.
func (r *request) bodyFailed(err error) {
	r.keep = false
	mode := r.body.mode
	r.body.done, r.body.mode = true, bodyDiscard
	r.client.quiet()
	switch mode {
	case bodyDiscard:
		return
	case bodyCollect:
		r.collected(err)
		return
	}
	if r.HeadSent != 0 {
		r.out.aborted = true
		r.step = stepFinish
	} else {
		r.leaveUpstream()
		r.failProxy(bodyStatus(err))
		r.step = stepHeaderFilter
	}
	r.resume()
}

func bodyStatus(err error) int {
	switch err {
	case errBodyTooLarge, spool.ErrTooLarge:
		return 413
	case http1.ErrBad:
		return 400
	}
	return 500
}

// collected tells who waits that the body is complete, or why not.
func (r *request) collected(err error) {
	r.body.read, r.body.err = err == nil, err
	if r.body.mode == bodyCollect {
		r.body.mode = bodyPaused
	}
	done := r.body.waiting
	r.body.waiting = nil
	if done != nil {
		done(err)
	}
}

// ReadBody implements pdk.Host.
func (r *request) ReadBody(done func(error)) (ready bool, err error) {
	b := &r.body
	if b.read || b.replaced {
		return true, nil
	}
	if b.done && b.received == 0 {
		b.read = true
		return true, nil
	}
	r.continue100()
	r.bodySpool().Init(r.spoolOptions())
	b.mode, b.err = bodyCollect, nil
	r.pumpBody()
	if b.mode != bodyCollect { // it was all there
		return b.err == nil, b.err
	}
	b.waiting = done
	return false, nil
}

// Body implements pdk.Host.
func (r *request) Body() *spool.Spool {
	if !r.body.read && !r.body.replaced {
		return nil
	}
	return r.bodySpool()
}

// SetBody implements pdk.Host.
func (r *request) SetBody(b []byte) error {
	s := r.bodySpool()
	s.Init(r.spoolOptions())
	r.body.replaced, r.body.read = true, true
	if !r.body.done && r.body.mode != bodyDiscard {
		r.body.mode = bodyDiscard
	}
	return s.Write(b)
}

// continue100 answers Expect: 100-continue, once, before a body is read.
func (r *request) continue100() {
	if r.body.expect && r.HeadSent == 0 {
		r.body.expect = false
		r.client.sendContinue()
	}
}

// prepare is done with the plugins' access: the query joins the path, and a
// body that nobody read yet is asked for.
func (r *request) prepare() plugin.Outcome {
	if r.Args.Off != 0 { // an empty query with a place keeps its '?'
		uri, args := r.Bytes(r.UpstreamURI), r.Bytes(r.Args)
		room, err := r.Room(len(uri) + 1 + len(args))
		if err != nil {
			r.fail(500, "An unexpected error occurred")
			r.step = stepHeaderFilter
			return plugin.Continue
		}
		n := copy(room, uri)
		room[n] = '?'
		n += 1 + copy(room[n+1:], args)
		r.UpstreamURI = r.Take(n)
	}
	r.Times.AccessEnd = r.w.Loop.Now()
	return plugin.Continue
}

// collect reads the whole request body where it is not streamed.
func (r *request) collect() plugin.Outcome {
	if r.body.replaced {
		return plugin.Continue
	}
	r.continue100()
	if r.body.done && r.body.received == 0 || r.body.read {
		return plugin.Continue
	}
	if r.grpcUpstream() { // calls are streamed, whatever the route says
		if r.tooMuchAtHand() {
			r.collectFailed(errBodyTooLarge)
		} else if st, ok := r.client.(*h2Stream); ok && r.w.srv.Options.MaxBody > 0 && st.awaitFirst() {
			return plugin.Suspend
		}
		return plugin.Continue
	}
	if r.k.Router.Route != nil && !r.k.Router.Route.RequestBuffering && !r.bodyAtHand() {
		return plugin.Continue
	}
	ready, err := r.ReadBody(r.onCollected)
	switch {
	case err != nil:
		r.collectFailed(err)
		return plugin.Continue
	case !ready:
		return plugin.Suspend
	}
	return plugin.Continue
}

// tooMuchAtHand says whether what has come of the body is more than may come.
func (r *request) tooMuchAtHand() bool {
	max := r.w.srv.Options.MaxBody
	return max > 0 && r.body.received+r.client.atHand() > max
}

// bodyAtHand says whether the whole body came with the head: then it is sent
// with its length even where bodies are streamed.
func (r *request) bodyAtHand() bool {
	if r.RequestBody != message.BodyChunked {
		return false
	}
	return r.client.bodyAtHand()
}

func (r *request) collectFailed(err error) {
	r.Bits |= bitProxied
	status := bodyStatus(err)
	if status == 500 {
		r.w.srv.logRequest(r, "request body", err.Error())
	}
	r.badRequest(status)
}

// bodySettled says whether the connection can carry another request: the rest
// of a body that nobody wanted is taken if it is already here or short.
func (r *request) bodySettled() bool {
	b := &r.body
	if b.done {
		return true
	}
	b.mode = bodyDiscard
	r.pumpBody()
	return b.done && r.keep
}

// bitProxied marks answers that count as proxied ones for the latency headers
// although no upstream was asked.
const bitProxied uint32 = 1 << 31

// bitUpstreamH2 marks requests of which a try went over HTTP/2.
const bitUpstreamH2 uint32 = 1 << 30

// framing is how the request body goes upstream.
func (r *request) framing() (kind message.BodyKind, length int64) {
	switch {
	case r.body.replaced || r.body.read && r.RequestBody != message.BodyNone:
		return message.BodyLength, r.body.stored()
	case r.RequestBody == message.BodyNone:
		return message.BodyNone, 0
	case r.RequestBody == message.BodyLength:
		return message.BodyLength, r.RequestBodyLength
	}
	return message.BodyChunked, -1
}
