package proxy

import (
	"strconv"

	"github.com/gibbon-gateway/gibbon/wire/http2"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// h2Stream is a client's HTTP/2 stream: a request's clientSide.
type h2Stream struct {
	h *h2Client
	s *http2.Stream
	r *request
	// fresh: its request has not begun yet.
	fresh bool
	timer loop.Timer
	// awaits: the request waits a moment for the first bytes of its body; awaited: it has.
	awaits, awaited bool
	// headDue: the head goes out with the first piece, or with the end.
	headDue bool
	// hold is the last piece, not copied and not sent, so that the end can go
	// in the same frame. rest is what the client's window did not take.
	hold, rest []byte
	// tunnel has the stream after an extended CONNECT; hung: it is done with it.
	tunnel duplex
	hung   bool
	// code is how the stream is reset where the response is not complete.
	code http2.Code
	// ended: the response is complete here; closed: its end is sent.
	ended, closed bool
}

// maxSpare bounds the streams that wait for use; maxRest the buffer that one keeps.
const (
	maxSpare = 1024
	maxRest  = 64 << 10
)

func (w *Worker) takeStream() *h2Stream {
	st, fresh := take(&w.h2.streams)
	if fresh {
		st.timer.Init(w.Loop, st.expired)
	}
	return st
}

// close gives the stream back.
func (st *h2Stream) close() {
	w := st.h.c.w
	st.s.User = nil
	st.s.Close()
	st.timer.Off()
	rest := st.rest[:0]
	if cap(rest) > maxRest {
		rest = nil
	}
	st.h, st.s, st.r, st.hold, st.rest = nil, nil, nil, nil, rest
	st.tunnel, st.hung = nil, false
	st.code, st.fresh, st.awaits, st.awaited, st.headDue, st.ended, st.closed = 0, false, false, false, false, false, false
	if len(w.h2.streams) < maxSpare {
		w.h2.streams = append(w.h2.streams, st)
	} else {
		st.timer.Drop()
	}
}

func (st *h2Stream) expired() {
	switch {
	case st.hung && st.r == nil:
		st.close()
	case st.r == nil:
	case st.awaits:
		st.came()
	default:
		st.r.clientTimeout()
	}
}

// firstPatience is how long a call with a limited body waits for its first
// bytes, so that one that is too large does not reach the upstream.
const firstPatience = 20e6

// awaitFirst has the request wait for the first bytes of its body, false if
// they are there or did not come.
func (st *h2Stream) awaitFirst() bool {
	if st.awaited || st.s.Ended() || len(st.s.Buffered()) > 0 {
		return false
	}
	st.awaits, st.awaited = true, true
	st.timer.After(firstPatience)
	return true
}

// came goes on with a request that waited for the first bytes of its body.
func (st *h2Stream) came() {
	st.awaits = false
	st.timer.Off()
	st.r.resume()
}

func (st *h2Stream) pump() {
	r := st.r
	for r.wantsBody() {
		p, last := st.s.Take(r.w.Loop.Buffer)
		if len(p) > 0 && !r.bodyData(p, nil) {
			return
		}
		if last {
			st.timer.Off()
			r.bodyEnded()
			return
		}
		if len(p) == 0 {
			break
		}
	}
	// A call may be silent for as long as its upstream puts up with that.
	if !r.body.done && r.body.mode != bodyPaused && !(r.body.mode == bodyStream && r.Bits&message.BitGRPC != 0) {
		st.timer.After(r.w.srv.Options.BodyTimeout)
	}
}

func (st *h2Stream) quiet() { st.timer.Off() }

func (st *h2Stream) bodyAtHand() bool { return false }

func (st *h2Stream) atHand() int64 { return int64(len(st.s.Buffered())) }

// sendContinue: as the reference has it, clients of HTTP/2 need not be told.
func (st *h2Stream) sendContinue() {}

func (st *h2Stream) begin() {
	st.r.settleHead()
	st.headDue = true
}

// sendHead sends the response head.
func (st *h2Stream) sendHead(end bool) error {
	st.headDue = false
	r, w := st.r, st.s.Begin()
	w.Status(int(r.Status))
	if r.wantsDate() {
		w.Field("date", text(r.w.date.at(r.w.Loop.Wall())))
	}
	if r.lengthTold() {
		var digits [20]byte
		w.Field("content-length", text(strconv.AppendInt(digits[:0], r.out.length, 10)))
	}
	w.Table(r.Shared, &r.Response, &r.w.skip.response)
	return st.send(w, end)
}

// sendTrailer ends the stream with the trailer section.
func (st *h2Stream) sendTrailer() error {
	st.closed = true
	w := st.s.Begin()
	w.Table(st.r.Shared, &st.r.Trailer, &forbiddenTrailers)
	return st.send(w, true)
}

func (st *h2Stream) send(w *http2.HeadWriter, end bool) error {
	st.r.BytesSent += uint64(w.Len())
	return w.Send(end)
}

func (st *h2Stream) write(p []byte) error {
	err := st.settle()
	if st.r.out.filters { // a filter's next piece may stand where this one does
		return st.put(p, false)
	}
	st.hold = p
	return err
}

// settle sends what is held.
func (st *h2Stream) settle() (err error) {
	if st.headDue {
		err = st.sendHead(false)
	}
	if p := st.hold; len(p) > 0 {
		st.hold = nil
		err = st.put(p, false)
	}
	return err
}

// put sends a piece, or keeps what the client does not take of it.
func (st *h2Stream) put(p []byte, end bool) error {
	st.r.BytesSent += uint64(len(p) + frameHead)
	if len(st.rest) > 0 {
		st.rest = append(st.rest, p...)
		return nil
	}
	n, err := st.s.Write(p, end)
	if n < len(p) && err == nil {
		st.rest = append(st.rest[:0], p[n:]...)
	}
	return err
}

// frameHead is the size of a frame's head.
const frameHead = 9

func (st *h2Stream) end() error {
	st.ended = true
	return st.finish()
}

// finish ends the stream once all before the end was taken.
func (st *h2Stream) finish() error {
	r := st.r
	trailers := r.Trailer.N > 0 && !r.out.noBody
	switch {
	case r.out.aborted:
		return st.settle() // and then the stream is reset
	case st.headDue && len(st.hold) == 0 && !trailers:
		st.closed = true
		return st.sendHead(true)
	case trailers:
		err := st.settle()
		if len(st.rest) == 0 && err == nil {
			err = st.sendTrailer()
		}
		return err
	}
	if st.headDue {
		if err := st.sendHead(false); err != nil {
			return err
		}
	}
	p := st.hold
	st.hold = nil
	err := st.put(p, true)
	st.closed = len(st.rest) == 0
	return err
}

// writable goes on after the client took what waited.
func (st *h2Stream) writable() {
	r := st.r
	if st.tunnel != nil || st.hung {
		st.tunnelWritable()
		return
	}
	if len(st.rest) > 0 {
		end := st.ended && !r.out.aborted && r.Trailer.N == 0
		n, err := st.s.Write(st.rest, end)
		st.rest = st.rest[:copy(st.rest, st.rest[n:])]
		if len(st.rest) > 0 || err != nil {
			return // err: Reset comes
		}
		switch {
		case end:
			st.closed = true
		case st.ended && !r.out.aborted:
			_ = st.sendTrailer()
		}
	}
	st.timer.Off()
	r.clientDrained()
}

func (st *h2Stream) flush() error { return st.settle() }

func (st *h2Stream) room() bool {
	_ = st.settle()
	return len(st.rest) == 0
}

func (st *h2Stream) await() { st.timer.After(st.r.w.srv.Options.SendTimeout) }

func (st *h2Stream) unsent() bool { return len(st.rest) > 0 }

func (st *h2Stream) part() {
	st.code, st.r = st.r.out.resetCode, nil
	if st.hung {
		st.hangOut()
	}
}

func (st *h2Stream) finished(bool) { st.close() }

func (st *h2Stream) breakOff(bool) {
	code := st.code
	if code == 0 {
		code = http2.InternalError
	}
	st.s.Reset(code)
	st.close()
}

var _ clientSide = (*h2Stream)(nil)
