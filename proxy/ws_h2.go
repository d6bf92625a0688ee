package proxy

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"

	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// WebSocket over HTTP/2 (RFC 8441): a CONNECT with :protocol is taken as the
// GET that it would be over HTTP/1.1, and goes upstream as one. With the
// upstream's 101 the stream is answered with 200, and its data is the
// connection.

var errReset = errors.New("the client reset the stream")

// asHandshake makes of an extended CONNECT the request over HTTP/1.1. There is
// no key, since it guards against caches of HTTP/1.1: the upstream gets one of ours.
func (r *request) asHandshake() error {
	r.Bits |= message.BitUpgrade
	r.Method, _ = r.PutString("GET")
	r.RequestBody, r.RequestBodyLength, r.body.done = message.BodyNone, 0, true
	if err := r.Set(&r.Request, "upgrade", "websocket"); err != nil {
		return err
	}
	return r.setKey()
}

// setKey sets a Sec-WebSocket-Key of ours.
func (r *request) setKey() error {
	var key [16]byte
	binary.LittleEndian.PutUint64(key[:], r.w.random.Uint64())
	binary.LittleEndian.PutUint64(key[8:], r.w.random.Uint64())
	return r.Set(&r.Request, "Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
}

// takeOver implements upgraded.
func (st *h2Stream) takeOver(r *request, d duplex) (early []byte, err error) {
	st.tunnel = d
	st.timer.Off()
	r.HeadSent, r.Status = 1, 200
	r.Del(&r.Response, "Sec-WebSocket-Accept")
	w := st.s.Begin()
	w.Status(200)
	w.Table(r.Shared, &r.Response, &r.w.skip.response)
	return nil, st.send(w, false)
}

// Read implements upgraded.
func (st *h2Stream) Read(p []byte) (int, error) {
	b, last := st.s.Take(p)
	switch {
	case len(b) > 0:
		return copy(p, b), nil
	case last:
		return 0, io.EOF
	case st.s.Dead():
		return 0, errReset
	}
	return 0, loop.ErrAgain
}

// Write implements upgraded.
func (st *h2Stream) Write(p []byte) error { return st.put(p, false) }

// WriteSoon implements upgraded: the connection's flush waits anyway.
func (st *h2Stream) WriteSoon(p []byte) error { return st.put(p, false) }

// Pending implements upgraded.
func (st *h2Stream) Pending() int { return len(st.rest) }

// again implements upgraded.
func (st *h2Stream) again() { st.h.c.w.Loop.Again(st) }

// Ready implements loop.Handler, for again.
func (st *h2Stream) Ready(loop.Events) {
	if st.tunnel != nil {
		st.tunnel.fromClient()
	}
}

// hangUp implements upgraded. The stream is given back once the request has
// parted from it, and all is sent.
func (st *h2Stream) hangUp() {
	st.tunnel = nil
	st.hung, st.ended = true, true
	if len(st.rest) == 0 && !st.s.Dead() {
		_, _ = st.s.Write(nil, true)
	}
}

// giveUp implements upgraded.
func (st *h2Stream) giveUp() { st.hangUp() }

// hangOut sends what waits of a stream whose request is over, and gives it back.
func (st *h2Stream) hangOut() {
	if len(st.rest) > 0 && !st.s.Dead() {
		n, err := st.s.Write(st.rest, true)
		st.rest = st.rest[:copy(st.rest, st.rest[n:])]
		if len(st.rest) > 0 && err == nil {
			st.timer.After(st.h.c.w.srv.Options.SendTimeout)
			return
		}
	}
	st.close()
}

// tunnelWritable is writable after an extended CONNECT.
func (st *h2Stream) tunnelWritable() {
	n, err := st.s.Write(st.rest, st.hung)
	st.rest = st.rest[:copy(st.rest, st.rest[n:])]
	switch {
	case len(st.rest) > 0 || err != nil: // err: Reset comes
	case st.tunnel != nil:
		st.tunnel.drained(nil)
	case st.r == nil:
		st.close()
	}
}

var _ upgraded = (*h2Stream)(nil)
