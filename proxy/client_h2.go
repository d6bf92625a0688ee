package proxy

import (
	"bytes"

	"github.com/gibbon-gateway/gibbon/wire/http2"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// h2Client is the HTTP/2 side of a client's connection. It implements http2.Handler.
type h2Client struct {
	h2Link
	c *clientConn
	// fresh are streams whose head came in the input that is being fed. They
	// begin after it, so that a body that came along is there.
	fresh []*h2Stream
}

// asksForH2 says whether a connection in the clear begins with HTTP/2's
// preface: no, not yet known (more), or yes.
func (c *clientConn) asksForH2(b []byte) (yes, more bool) {
	if b[0] != http2.Preface[0] || c.flow.Requests > 0 || c.flow.TLS != nil {
		return false, false
	}
	n := min(len(b), len(http2.Preface))
	if string(b[:n]) != http2.Preface[:n] {
		return false, false
	}
	return n == len(http2.Preface), n < len(http2.Preface)
}

// wrongPreface says whether what a connection begins with, where HTTP/2 may
// come in the clear, is meant for it rather than for HTTP/1.1: a line of text
// that names no version. It is answered with GOAWAY.
func (c *clientConn) wrongPreface(b []byte) bool {
	if !c.listener.HTTP2 || c.flow.Requests > 0 || c.flow.TLS != nil {
		return false
	}
	line, _, ended := bytes.Cut(b, []byte("\r\n"))
	for _, x := range line {
		if x < ' ' || x > '~' {
			return false
		}
	}
	return ended && bytes.Count(line, []byte(" ")) == 2 && !bytes.Contains(line, []byte("HTTP/"))
}

// startH2 makes the connection one of HTTP/2. first is what was read of it.
func (c *clientConn) startH2(first []byte) {
	w := c.w
	h := &h2Client{c: c}
	h.h2Link = h2Link{sock: &c.Conn, owner: c, fed: h.beginFresh, timer: &c.timer}
	h.stall.Init(w.Loop, h.stalled)
	h.patience = w.srv.Options.SendTimeout
	h.conn = http2.NewServer(h2Socket{&c.Conn}, h, w.h2.pool, w.h2.server)
	c.h2, c.state, c.flow.Proto = h, clientHTTP2, "h2"
	c.in, c.scan = nil, 0
	h.conn.Start()
	for len(first) > 0 {
		n := copy(w.h2.pool.Read, first) // what is fed must not be the loop's buffer
		first = first[n:]
		h.feed(w.h2.pool.Read[:n])
	}
	h.tick()
	h.settle()
	w.Loop.Again(c)
}

// h2Settings is what the HTTP/2 connections of a worker share.
type h2Settings struct {
	pool           *http2.Pool
	server, client *http2.Options
	pools          map[poolKey]*h2Pool
	// streams and tries wait for use.
	streams []*h2Stream
	tries   []*h2Call
}

func (w *Worker) initH2() {
	o := &w.srv.Options
	w.h2.pool = http2.NewPool()
	w.h2.server = http2.Options{
		MaxHeaderList: o.RequestHead.Total, MaxField: o.RequestHead.Line, MaxFields: o.RequestHead.Fields,
		DropUnderscores: o.RequestHead.DropUnderscores, KeepOddNames: o.RequestHead.KeepOddNames,
		Clock: w.Loop.Now, IdleTimeout: o.KeepaliveTimeout, ExtendedConnect: true,
	}.Defaulted()
	w.h2.client = http2.Options{
		MaxHeaderList: max(o.ResponseHead.Total, minH2Head), MaxFields: o.ResponseHead.Fields,
		Clock: w.Loop.Now, IdleTimeout: o.PoolIdle,
	}.Defaulted()
}

// minH2Head is the least bound of a header list from an upstream: its fields
// count more over HTTP/2 than their bytes over HTTP/1.1.
const minH2Head = 16 << 10

// ready is clientConn.Ready for HTTP/2.
func (h *h2Client) ready(ev loop.Events) {
	if err := h.h2Link.ready(ev, h.c.w.h2.pool.Read); err != nil {
		h.end()
		h.c.close()
		return
	}
	h.settle()
}

// settle notices the end of the connection: what waits is sent, then it closes.
func (h *h2Client) settle() {
	if !h.over() || h.c.h2 == nil {
		return
	}
	c := h.c
	h.end()
	c.endSending()
}

// stalled: the client has not taken anything for too long.
func (h *h2Client) stalled() {
	h.c.w.srv.Log.Infof("client timed out (%s) while sending to client", h.c.flow.Peer)
	h.c.abort()
}

// end parts the protocol from its socket. Streams that a job holds are closed later.
func (h *h2Client) end() {
	h.stall.Drop()
	h.c.h2 = nil
	h.beginFresh()
}

// expired is the connection's timer.
func (h *h2Client) expired() {
	h.tick()
	h.settle()
}

// drain takes no more streams and ends the connection with the last one.
func (h *h2Client) drain() {
	h.conn.Drain()
	h.tick()
}

// lost ends the connection at once.
func (h *h2Client) lost() {
	h.conn.Lost(nil)
	h.end()
}

// Head implements http2.Handler: a request came.
func (h *h2Client) Head(s *http2.Stream, head *http2.Head) {
	w := h.c.w
	st := w.takeStream()
	st.h, st.s, st.fresh = h, s, true
	s.User = st
	if err := w.beginStream(st, head); err != nil {
		w.srv.Log.Errorf("a request was dropped: %v", err)
		s.Reset(http2.InternalError)
		st.close()
		return
	}
	h.fresh = append(h.fresh, st)
	if n := w.srv.Options.KeepaliveRequests; w.srv.draining.Load() || n > 0 && h.c.flow.Requests >= n {
		h.drain()
	}
}

// beginStream makes a request of a head.
func (w *Worker) beginStream(st *h2Stream, h *http2.Head) error {
	r, err := w.take(st, &st.h.c.flow)
	if err != nil {
		return err
	}
	st.r = r
	base, err := h.Adopt(r.Shared, &r.Request)
	if err != nil {
		w.drop(r)
		return err
	}
	at := func(v message.Str) message.Str { return message.Str{Off: v.Off + base, Len: v.Len} }
	r.Method, r.Target = at(h.Method), at(h.Path)
	if h.Path.Len == 0 { // CONNECT has none
		r.Target, _ = r.PutString("/")
	}
	r.HTTPMajor, r.HTTPMinor = 2, 0
	r.Bits |= message.BitHTTP2
	r.RequestLength = uint64(len(h.Buf))
	switch {
	case h.Length >= 0:
		r.RequestBody, r.RequestBodyLength = message.BodyLength, h.Length
	case h.End:
		r.RequestBody = message.BodyNone
	default:
		r.RequestBody, r.RequestBodyLength = message.BodyFramed, -1
	}
	r.keep = true
	if r.head = r.View(r.Method) == "HEAD"; r.head {
		r.Bits |= message.BitHeadRequest
	}
	r.body.done = h.End
	r.body.expect = h.Expect100 && !h.End
	if string(h.Text(h.Protocol)) == "websocket" { // any other CONNECT is refused by check
		return r.asHandshake()
	}
	return nil
}

// beginFresh starts what Head noted.
func (h *h2Client) beginFresh() {
	for i := 0; i < len(h.fresh); i++ {
		st := h.fresh[i]
		h.fresh[i] = nil
		st.fresh = false
		r := st.r
		switch status := r.check(); {
		case status == 413 && r.Bits&message.BitGRPC == 0:
			r.failBare(status) // nginx says it, before anybody else
			r.step = stepHeaderFilter
		case status != 0:
			r.badRequest(status)
		}
		if st.s.Dead() {
			r.gone, r.ClientGone, r.Status, r.step = true, true, 499, stepFinish
		}
		r.serve()
	}
	h.fresh = h.fresh[:0]
}

// Readable implements http2.Handler.
func (h *h2Client) Readable(s *http2.Stream) {
	st := s.User.(*h2Stream)
	switch {
	case st.tunnel != nil:
		st.tunnel.fromClient()
	case st.r == nil || st.fresh:
	case st.awaits:
		st.came()
	case st.r.taken.readable():
	case st.r.wantsBody():
		st.r.pumpBody()
	}
}

// Writable implements http2.Handler.
func (h *h2Client) Writable(s *http2.Stream) {
	if st := s.User.(*h2Stream); st.r != nil || st.hung {
		st.writable()
	}
}

// Reset implements http2.Handler: the client gave the stream up, or is gone.
func (h *h2Client) Reset(s *http2.Stream, _ *http2.Reset) {
	st := s.User.(*h2Stream)
	st.timer.Off()
	switch {
	case st.tunnel != nil:
		st.tunnel.end()
	case st.hung && st.r == nil:
		st.close()
	case st.r != nil && !st.fresh && !st.hung:
		st.r.clientGone()
		if st.r != nil { // a plugin that reads the body learns of it
			st.r.taken.readable()
		}
	}
}

// Wake implements http2.Handler.
func (h *h2Client) Wake(*http2.Conn) { h.wake() }

// Changed implements http2.Handler.
func (h *h2Client) Changed(*http2.Conn) {}
