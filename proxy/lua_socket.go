package proxy

import (
	"errors"
	"io"
	"slices"
	"syscall"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

var _ pdk.Downstream = (*request)(nil)

// taken is the client's side of a request in the hands of a plugin: the body
// as a stream (ngx.req.socket) or the whole connection (ngx.req.socket(true)).
type taken struct {
	body, raw bool
	notify    func()
	flushed   func()
	discarded bool
}

// errBroken is what a reader sees when the client went away within the body.
var errBroken = io.ErrUnexpectedEOF

// StreamBody implements pdk.Downstream.
func (r *request) StreamBody() (pdk.BodyStream, error) {
	b := &r.body
	switch {
	case r.taken.body || r.taken.raw:
		return nil, pdk.ErrTaken
	case r.taken.discarded:
		return nil, pdk.ErrBodyDiscarded
	case b.read || b.replaced:
		if r.RequestBody == message.BodyNone || b.received == 0 && b.done && !b.replaced {
			return nil, pdk.ErrNoBody
		}
		return nil, pdk.ErrBodyExists
	case r.RequestBody == message.BodyNone, b.done && b.received == 0:
		return nil, pdk.ErrNoBody
	}
	r.continue100()
	r.taken.body = true
	// Upstream gets what SetBody gives, else nothing.
	b.replaced = true
	b.mode = bodyPaused
	r.client.quiet()
	return (*streamedBody)(r), nil
}

// DiscardBody implements pdk.Downstream.
func (r *request) DiscardBody() {
	b := &r.body
	if b.read || b.replaced || r.taken.body || r.taken.raw || b.done {
		return
	}
	r.taken.discarded = true
	b.replaced = true
	b.mode = bodyDiscard
	r.pumpBody()
}

// streamedBody is a request as the stream of its body.
type streamedBody request

// Notify implements pdk.BodyStream.
func (s *streamedBody) Notify(fn func()) { s.taken.notify = fn }

// Read implements pdk.BodyStream.
func (s *streamedBody) Read(p []byte) (int, error) {
	r := (*request)(s)
	if st, ok := r.client.(*h2Stream); ok {
		return r.readStream(st, p)
	}
	c, b := r.h1, &r.body
	for {
		switch {
		case c == nil || r.gone:
			return 0, errBroken
		case b.err != nil:
			return 0, b.err
		case b.done:
			return 0, io.EOF
		}
		if len(c.in) > 0 {
			src := c.in[:min(len(c.in), len(p))]
			used, out, err := r.decodeInto(p, src)
			c.in = slices.Delete(c.in, 0, used)
			if out > 0 || err != nil {
				return out, err
			}
			continue
		}
		if !c.CanRead {
			return 0, loop.ErrAgain
		}
		n, err := c.Read(p)
		switch {
		case err == loop.ErrAgain:
			return 0, err
		case err != nil:
			r.lostClient()
			return 0, readError(err)
		}
		used, out, err := r.decodeInto(p, p[:n])
		c.in = append(c.in, p[used:n]...)
		if out > 0 || err != nil {
			return out, err
		}
	}
}

// readStream is Read for a body in frames. What is taken lets the client send
// as many bytes more, so one whose reader is slow waits.
func (r *request) readStream(st *h2Stream, p []byte) (int, error) {
	b := &r.body
	switch {
	case r.gone:
		return 0, errBroken
	case b.err != nil:
		return 0, b.err
	case b.done:
		return 0, io.EOF
	}
	data, last := st.s.Take(p)
	n := copy(p, data)
	if err := r.bodyTaken(n); err != nil {
		return n, err
	}
	b.done = last
	switch {
	case n > 0:
		return n, nil
	case last:
		return 0, io.EOF
	}
	return 0, loop.ErrAgain
}

// bodyTaken counts what a plugin has read of the body, and refuses it where it
// is more than a body may have.
func (r *request) bodyTaken(n int) error {
	b := &r.body
	b.received += int64(n)
	r.RequestLength += uint64(n)
	if max := r.w.srv.Options.MaxBody; max > 0 && b.received > max {
		b.err, b.done, r.keep = errBodyTooLarge, true, false
		return b.err
	}
	return nil
}

// decodeInto decodes src to the front of p, which may overlap it: the data of
// a piece never begins before what was written so far.
func (r *request) decodeInto(p, src []byte) (used, out int, err error) {
	b := &r.body
	for used < len(src) && !b.dec.Done() {
		data, n, e := b.dec.Decode(src[used:])
		used += n
		out += copy(p[out:], data)
		if e != nil {
			b.err, err = e, e
			break
		}
	}
	if e := r.bodyTaken(out); err == nil {
		err = e
	}
	if err != nil {
		r.keep, b.done = false, true
		if errors.Is(err, http1.ErrBad) {
			err = errors.New("invalid chunked body")
			b.err = err
		}
	}
	if b.dec.Done() {
		b.done = true
	}
	return used, out, err
}

// lostClient: reading found out that the client is gone.
func (r *request) lostClient() {
	r.h1.peerClosed = true
	r.clientGone()
}

func readError(err error) error {
	var e syscall.Errno
	if errors.As(err, &e) {
		return e
	}
	return errBroken
}

// TakeRaw implements pdk.Downstream.
func (r *request) TakeRaw() (pdk.RawStream, error) {
	if r.h1 == nil {
		return nil, pdk.ErrUnsupported
	}
	if r.taken.raw {
		return nil, pdk.ErrTaken
	}
	r.continue100()
	r.taken.raw, r.taken.notify = true, nil
	r.keep = false
	r.client.quiet()
	return (*rawStream)(r), nil
}

// rawStream is a request as its client's connection.
type rawStream request

// Notify implements pdk.BodyStream.
func (s *rawStream) Notify(fn func()) { s.taken.notify = fn }

// Flushed implements pdk.RawStream.
func (s *rawStream) Flushed(fn func()) { s.taken.flushed = fn }

// Read implements pdk.BodyStream. io.EOF is the end of what the client sends.
func (s *rawStream) Read(p []byte) (int, error) {
	r := (*request)(s)
	c := r.h1
	if c == nil || r.gone {
		return 0, io.EOF
	}
	if len(c.in) > 0 {
		n := copy(p, c.in)
		c.in = slices.Delete(c.in, 0, n)
		return n, nil
	}
	if !c.CanRead {
		return 0, loop.ErrAgain
	}
	n, err := c.Read(p)
	if err == loop.ErrAgain || err == nil {
		return n, err
	}
	if !errors.Is(err, io.EOF) {
		r.lostClient()
		return 0, readError(err)
	}
	c.peerClosed = true // it may still read
	return 0, io.EOF
}

// Write implements pdk.RawStream.
func (s *rawStream) Write(p []byte) error {
	c := s.h1
	if c == nil || s.gone || c.Closed() {
		return syscall.EPIPE
	}
	before := c.Sent
	err := c.Write(p)
	s.BytesSent += c.Sent - before
	return err
}

// Pending implements pdk.RawStream.
func (s *rawStream) Pending() int {
	if s.h1 == nil || s.h1.Closed() {
		return 0
	}
	return s.h1.Pending()
}

// over says that no further step but the last may run: a plugin took the
// connection, and the plugins that could go on with it have run.
func (t *taken) over(at step) bool { return t.raw && at > stepAccess && at < stepFinish }

// readable tells whoever took the client's side that there is something to
// read; false when nobody waits for it.
func (t *taken) readable() bool {
	if t.notify == nil {
		return false
	}
	t.notify()
	return true
}

// drained tells whoever took the connection that all was sent.
func (t *taken) drained() {
	if fn := t.flushed; fn != nil {
		t.flushed = nil
		fn()
	}
}
