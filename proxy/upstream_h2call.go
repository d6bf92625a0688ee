package proxy

import (
	"bytes"
	"strconv"
	"unsafe"

	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/http2"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// h2Call is one try over HTTP/2: a request's upstreamSide. Without a stream
// yet it waits for a connection.
type h2Call struct {
	pool  *h2Pool
	u     *h2Upstream
	s     *http2.Stream
	r     *request
	timer loop.Timer
	// nth is how many streams the connection had open with this one.
	nth int
	// rest is what the upstream's window did not take, left what is still to
	// come of a collected body. ended: the end goes behind the rest.
	rest  []byte
	left  int64
	ended bool
	// gotHead: the final head came; done: the whole response; err: it broke off.
	gotHead, done bool
	err           error
}

// maxUncounted bounds the tries of one request that are not counted.
const maxUncounted = 3

func (w *Worker) takeCall(r *request, p *h2Pool) *h2Call {
	c, fresh := take(&w.h2.tries)
	if fresh {
		c.timer.Init(w.Loop, c.expired)
	}
	c.r, c.pool = r, p
	r.up = c
	return c
}

// part ends the try: its stream is given up unless it is over.
func (c *h2Call) part() {
	w := c.r.w
	c.r.up, c.r = nil, nil
	c.timer.Off()
	if c.s != nil {
		c.s.User = nil
		c.s.Close()
	} else {
		c.pool.withdraw(c)
	}
	rest := c.rest[:0]
	if cap(rest) > maxRest {
		rest = nil
	}
	c.pool, c.u, c.s, c.rest = nil, nil, nil, rest
	c.nth, c.left, c.ended, c.gotHead, c.done, c.err = 0, 0, false, false, false, nil
	if len(w.h2.tries) < maxSpare {
		w.h2.tries = append(w.h2.tries, c)
	} else {
		c.timer.Drop()
	}
}

// sendH2 is send's part for HTTP/2.
func (r *request) sendH2(key poolKey) plugin.Outcome {
	key.h2 = true
	p := r.w.h2PoolOf(key)
	c := r.w.takeCall(r, p)
	if err := p.place(c); err != nil {
		c.part()
		return r.tryFailed(err, health.TCPFailure, true)
	}
	if r.step != stepSend { // the body cannot be sent
		return plugin.Continue
	}
	return plugin.Suspend
}

// send sends the head, and the body as far as it is there.
func (c *h2Call) send() {
	r := c.r
	c.timer.After(r.target.read)
	r.pinHost()
	r.Bits |= bitUpstreamH2
	w := c.s.Begin()
	scheme := "http"
	if r.secureUpstream() {
		scheme = "https"
	}
	w.Request(r.View(r.Method), scheme, r.View(r.UpstreamHost), r.View(r.UpstreamURI))
	c.own(w)
	kind, length := r.framing()
	if kind == message.BodyLength {
		var digits [20]byte
		w.Field("content-length", text(strconv.AppendInt(digits[:0], length, 10)))
	}
	w.Table(r.Shared, &r.Request, &r.w.skip.request)
	none := kind == message.BodyNone || kind == message.BodyLength && length == 0
	_ = w.Send(none) // CanOpen said that it can
	switch {
	case none:
		c.ended = true
		if !r.body.done && r.body.mode == bodyPaused {
			r.body.mode = bodyDiscard
		}
	case r.body.read || r.body.replaced:
		c.left = r.body.stored()
		c.sendSpool()
	default:
		if b := r.streamedBefore(); len(b) > 0 {
			_ = c.put(b, false)
		}
		r.body.mode = bodyStream
		if r.body.done {
			c.bodyEnd()
		} else {
			c.await()
			r.pumpBody()
		}
	}
}

// await implements upstreamSide. A call may be silent for as long as its
// upstream puts up with that.
func (c *h2Call) await() {
	switch r := c.r; {
	case c.gotHead:
		c.timer.After(r.target.read)
	case len(c.rest) > 0:
		c.timer.After(r.target.write)
	case r.body.mode == bodyStream && !c.ended && !r.body.done && r.Bits&message.BitGRPC == 0:
		c.timer.Off() // the client is to send more
	default:
		c.timer.After(r.target.read)
	}
}

// text is b as a string, without a copy.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// own adds the gateway's own fields, which are written as HTTP/1.1's lines.
func (c *h2Call) own(w *http2.HeadWriter) {
	l := c.r.w.Loop
	b := c.r.appendOwn(l.Scratch[:0])
	l.Scratch = b[:0]
	for len(b) > 0 {
		k, e := bytes.IndexByte(b, ':'), bytes.IndexByte(b, '\r')
		for i, x := range b[:k] {
			if 'A' <= x && x <= 'Z' {
				b[i] = x | 0x20
			}
		}
		w.Field(text(b[:k]), text(b[k+2:e]))
		b = b[e+2:]
	}
}

// sendSpool sends the rest of a collected body until the upstream takes no more.
func (c *h2Call) sendSpool() {
	s := c.r.bodySpool()
	for c.left > 0 && len(c.rest) == 0 && !c.s.Dead() {
		b := c.r.w.Loop.Buffer
		n, err := s.ReadAt(b[:min(int64(len(b)), c.left)], s.Len()-c.left)
		if n == 0 && err != nil {
			c.s.Reset(http2.InternalError)
			c.reset(&http2.Reset{Code: http2.InternalError, Cause: err})
			return
		}
		c.left -= int64(n)
		c.ended = c.left == 0
		t := c.trailer()
		if c.put(b[:n], c.ended && t == nil) != nil {
			return
		}
		if t != nil {
			c.sendTrailer(t)
		}
	}
	c.await()
}

// put sends a piece, or keeps what the upstream does not take of it.
func (c *h2Call) put(p []byte, end bool) error {
	if len(c.rest) > 0 {
		c.rest = append(c.rest, p...)
		return nil
	}
	n, err := c.s.Write(p, end)
	if err != nil { // the rest of the request is not wanted, or Reset tells more
		c.left, c.ended = 0, true
		return err
	}
	if n < len(p) {
		c.rest = append(c.rest[:0], p[n:]...)
	}
	return nil
}

func (c *h2Call) bodyData(p []byte) error {
	err := c.put(p, false)
	c.await()
	return err
}

func (c *h2Call) bodyEnd() {
	if c.ended {
		return
	}
	c.ended = true
	if t := c.trailer(); t != nil {
		c.sendTrailer(t)
	} else if len(c.rest) == 0 {
		_ = c.put(nil, true)
	}
	if c.r != nil { // else the stream's end was that of the try, too
		c.await()
	}
}

func (c *h2Call) room() bool { return c.s != nil && len(c.rest) == 0 }

// writable goes on after the upstream took what waited, or wants no more.
func (c *h2Call) writable() {
	r := c.r
	if len(c.rest) > 0 {
		t := c.trailer()
		n, err := c.s.Write(c.rest, c.ended && t == nil)
		if err != nil {
			n, c.left, c.ended = len(c.rest), 0, true
		}
		c.rest = c.rest[:copy(c.rest, c.rest[n:])]
		c.await()
		if len(c.rest) > 0 {
			return
		}
		if t != nil {
			c.sendTrailer(t)
		}
	}
	switch {
	case c.left > 0:
		c.sendSpool()
	case r.body.mode == bodyStream:
		r.pumpBody()
	}
}

func (c *h2Call) answered() bool { return c.gotHead }

// head takes over the final response head.
func (c *h2Call) head(h *http2.Head) {
	r := c.r
	c.gotHead = true
	r.Times.UpstreamHead = r.w.Loop.Now()
	c.timer.After(r.target.read)
	if err := r.adoptH2(h); err != nil {
		c.failed(err, health.TCPFailure, false)
		return
	}
	r.resume()
}

// adoptH2 is adoptResponse for HTTP/2.
func (r *request) adoptH2(h *http2.Head) error {
	first := r.Response.N
	if _, err := h.Adopt(r.Shared, &r.Response); err != nil {
		return err
	}
	r.Status, r.UpstreamStatus, r.Source = uint32(h.Status), uint32(h.Status), message.SourceService
	r.Reason = message.Str{}
	r.ResponseBody, r.ResponseBodyLength = message.BodyFramed, h.Length
	if h.End {
		r.ResponseBody = message.BodyNone
	}
	r.dropInternal(first)
	return nil
}

func (c *h2Call) next() (data []byte, done bool, err error) {
	switch {
	case c.done:
		return nil, true, nil
	case c.err != nil:
		return nil, false, c.err
	}
	data, done = c.s.Take(c.r.w.Loop.Buffer)
	if done {
		c.done = true
		c.timer.Off()
		if t := c.s.Trailer(); t != nil {
			_, err = t.Adopt(c.r.Shared, &c.r.Trailer)
		}
	}
	return data, done, err
}

// leave ends the try; the connection stays.
func (c *h2Call) leave() { c.part() }

// reset: the stream ended before its time.
func (c *h2Call) reset(why *http2.Reset) {
	r := c.r
	if c.gotHead {
		if !c.done {
			c.timer.Off()
			c.err = errUpstreamClosed
			if why.Remote || why.Cause != nil {
				c.err = why
			}
			if r.cancelled(why) {
				r.out.aborted = false // not before what came has passed
			}
			r.upstreamReadable()
		}
		return
	}
	if r.cancelled(why) {
		c.part()
		r.again(stepFinish)
		return
	}
	// A connection that went away meanwhile, as they do, or that allows fewer
	// streams than were opened before it said so: the request was not processed,
	// and another connection takes it without counting the try.
	limit, _ := c.u.conn.Limit()
	if why.Unprocessed && (!why.Remote || c.nth > limit) && r.target.uncounted < maxUncounted && r.repeatable() {
		r.target.uncounted++
		c.part()
		r.target.tried--
		r.k.Tries = r.k.Tries[:len(r.k.Tries)-1]
		r.again(stepSend)
		return
	}
	c.failed(why, health.TCPFailure, why.Unprocessed)
}

// cancelled says whether the upstream gave a call up because its time was over
// (or its server wants no more of it). The client is told so in the same way:
// what it makes of that depends on its own deadline.
func (r *request) cancelled(why *http2.Reset) bool {
	if !why.Remote || why.Code != http2.Cancel || !r.isCall() {
		return false
	}
	r.out.aborted, r.out.resetCode, r.keep = true, why.Code, false
	if r.Status == 0 {
		r.Status = 499
	}
	return true
}

// expired: nothing came in time.
func (c *h2Call) expired() {
	r := c.r
	switch {
	case r == nil:
	case !c.gotHead:
		c.failed(errUpstreamTimeout, health.TimeoutFailure, c.s == nil)
	case r.clientBehind():
		c.await()
	case r.suspended && (r.step == stepBody || r.step == stepResponse && r.out.collecting):
		r.responseBroken(errUpstreamTimeout)
	default:
		c.err = errUpstreamTimeout
	}
}

// failed ends the try before a response.
func (c *h2Call) failed(err error, f health.Failure, connecting bool) {
	r := c.r
	c.part()
	if r.gone {
		r.resume()
		return
	}
	if out := r.tryFailed(err, f, connecting); out == plugin.Continue && r.suspended {
		r.resume()
	}
}

var _ upstreamSide = (*h2Call)(nil)
