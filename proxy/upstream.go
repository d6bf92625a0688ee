package proxy

import (
	"errors"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// upstreamConn is an HTTP/1.1 connection to an upstream.
type upstreamConn struct {
	loop.Conn
	w    *Worker
	pool *upstreamPool
	// r is the request on it, nil while idle. at is its place among the idle ones.
	r    *request
	at   int
	used int // requests so far
	// before is what the socket had sent when the request began.
	before uint64

	gotHead bool
	// keep: the connection can be used again after this response.
	keep bool
	// sent: the whole request is written; chunked: its body goes in chunks.
	sent, chunked bool
	raw           bool // not HTTP: bytes go to the client as they are
	handshake     bool
	// in holds unread input between callbacks, hot what lies in the loop's
	// buffer during one.
	in, hot []byte
	scan    int
	interim int // responses below 200 before the final one
	dec     http1.Decoder
	timer   loop.Timer
	left    int64
	tunnel  duplex
}

// maxInterim bounds the interim responses that are read for one final response.
const maxInterim = 100

var (
	errUpstreamClosed  = errors.New("upstream prematurely closed connection while reading response header from upstream")
	errUpstreamTimeout = errors.New("upstream timed out")
	errUpstreamBad     = errors.New("upstream sent an invalid header")
	errUpstreamCoding  = errors.New("upstream sent an invalid chunked response")
)

// send begins a try: it takes or makes a connection and writes the request.
// The step ends when the response head is there.
func (r *request) send() plugin.Outcome {
	t := r.target
	if r.up != nil && r.up.answered() {
		return plugin.Continue // resumed by the response head
	}
	if t.tried == 0 {
		r.Times.BalancerEnd = r.w.Loop.Now()
	}
	t.tried++
	r.Times.ConnectStart = r.w.Loop.Now()
	r.noteTry()
	key := poolKey{addr: t.addr}
	secure := r.secureUpstream()
	if secure {
		key.tls = r.tlsKey()
	}
	if r.grpcUpstream() || r.mayUseH2() && r.w.h2Ready(key) {
		return r.sendH2(key)
	}
	p := r.w.poolOf(key)
	if u := p.get(); u != nil {
		u.r, r.up = r, u
		u.begin()
		u.write()
		return plugin.Suspend
	}
	u := p.fresh(r.w)
	if err := u.connect(t.addr); err != nil {
		return r.tryFailed(err, health.TCPFailure, true)
	}
	u.r, r.up, u.used, u.at = r, u, 0, -1
	u.begin()
	u.handshake = secure
	u.timer.After(t.connect)
	if !u.Connecting && !secure {
		u.write()
	} else if secure && !u.Connecting {
		u.startTLS()
	}
	return plugin.Suspend
}

// connect starts the connection, or takes a ready one from where Server.Dial says.
func (u *upstreamConn) connect(addr netip.AddrPort) error {
	dial := u.w.srv.Dial
	if dial == nil {
		return u.Dial(u.w.Loop, addr, u)
	}
	fd, err := dial(addr)
	if err != nil {
		return err
	}
	return u.Open(u.w.Loop, fd, u)
}

// fresh makes a connection object.
func (p *upstreamPool) fresh(w *Worker) *upstreamConn {
	u := &upstreamConn{w: w, pool: p, at: -1}
	u.timer.Init(w.Loop, u.expired)
	return u
}

// begin makes the connection ready for another request.
func (u *upstreamConn) begin() {
	u.gotHead, u.sent, u.chunked, u.raw, u.keep, u.left = false, false, false, false, false, 0
	u.in, u.hot, u.scan, u.interim = u.in[:0], nil, 0, 0
	u.used++
	u.before = u.Sent
}

// write sends the request head, and the body as far as it is there.
func (u *upstreamConn) write() {
	r := u.r
	buf, kind := r.appendHead(u.w.Loop.Scratch[:0])
	switch {
	case kind == message.BodyNone:
		u.sent = true
	case r.body.read || r.body.replaced:
		buf = u.spooled(buf)
	default:
		u.chunked = kind == message.BodyChunked
		r.body.mode = bodyStream
		if b := r.streamedBefore(); len(b) > 0 && u.chunked {
			buf = http1.AppendChunk(buf, b)
		} else {
			buf = append(buf, b...)
		}
	}
	if len(buf) > 0 {
		if err := u.WriteSoon(buf); err != nil {
			u.broken(err)
			return
		}
	}
	u.w.Loop.Scratch = buf[:0]
	u.await()
	if r.body.mode == bodyStream {
		if r.body.done {
			u.bodyEnd()
		} else if u.Pending() == 0 {
			r.pumpBody()
		}
	}
}

// spooled appends the collected body to buf, or begins to send it in pieces.
func (u *upstreamConn) spooled(buf []byte) []byte {
	s := u.r.bodySpool()
	if b, ok := s.Bytes(); ok && len(b) <= 48<<10 {
		u.sent = true
		return append(buf, b...)
	}
	if err := u.Write(buf); err != nil {
		u.broken(err)
		return nil
	}
	u.left = s.Len()
	u.sendSpool()
	return nil
}

// sendSpool writes the rest of the collected body until the kernel is full.
func (u *upstreamConn) sendSpool() {
	s := u.r.bodySpool()
	for u.left > 0 && u.Pending() == 0 && u.r != nil {
		b := u.w.Loop.Buffer[:min(int64(len(u.w.Loop.Buffer)), u.left)]
		n, err := s.ReadAt(b, s.Len()-u.left)
		if n == 0 && err != nil {
			u.broken(err)
			return
		}
		u.left -= int64(n)
		if err := u.Write(b[:n]); err != nil {
			u.broken(err)
			return
		}
	}
	u.sent = u.left == 0
	u.await()
}

// await implements upstreamSide.
func (u *upstreamConn) await() {
	switch r := u.r; {
	case u.gotHead:
		u.timer.After(r.target.read)
	case u.Pending() > 0:
		u.timer.After(r.target.write)
	case r.body.mode == bodyStream && !u.sent && !r.body.done:
		u.timer.Off() // the client is to send more
	default:
		u.timer.After(r.target.read)
	}
}

// bodyData streams a piece of the request body.
func (u *upstreamConn) bodyData(p []byte) (err error) {
	if !u.chunked {
		err = u.Write(p)
	} else {
		b := http1.AppendChunk(u.w.Loop.Scratch[:0], p)
		err = u.Write(b)
		u.w.Loop.Scratch = b[:0]
	}
	u.await()
	return err
}

// bodyEnd ends a streamed request body.
func (u *upstreamConn) bodyEnd() {
	if u.sent {
		return
	}
	u.sent = true
	if u.chunked {
		end := []byte(http1.LastChunk)
		if t := u.r.requestTrailer(false); t != nil {
			end = http1.AppendTrailer(nil, u.r.Shared, t, &forbiddenTrailers)
		}
		if err := u.Write(end); err != nil && !u.gotHead {
			u.broken(err)
		}
	}
	u.await()
}

// Ready implements loop.Handler.
func (u *upstreamConn) Ready(ev loop.Events) {
	u.Note(ev)
	if u.Connecting {
		if ev&(loop.Writable|loop.HangUp) == 0 {
			return
		}
		u.connected()
		if u.Closed() || u.Connecting {
			return
		}
	}
	if ev&loop.Writable != 0 && u.Pending() > 0 {
		waits := u.Pending()
		if err := u.Flush(); err != nil && !u.CanRead {
			u.broken(err)
			return
		}
		if u.Pending() == 0 {
			u.drained()
		} else if u.Pending() < waits && u.r != nil && u.tunnel == nil {
			u.await()
		}
	}
	if u.CanRead && !u.Closed() && !u.handshake {
		u.readable()
	}
}

func (u *upstreamConn) connected() {
	if err := u.Conn.Connected(); err != nil {
		u.failed(err, health.TCPFailure, true)
		return
	}
	u.r.Times.Connected = u.w.Loop.Now()
	if u.handshake {
		u.startTLS()
		return
	}
	u.write()
}

func (u *upstreamConn) drained() {
	switch {
	case u.tunnel != nil:
		u.tunnel.upDrained()
	case u.r == nil:
	case u.left > 0:
		u.sendSpool()
	default:
		u.await()
		if u.r.body.mode == bodyStream {
			u.r.pumpBody()
		}
	}
}

// readable takes what the upstream sent.
func (u *upstreamConn) readable() {
	switch {
	case u.tunnel != nil:
		u.tunnel.fromUpstream()
	case u.r == nil:
		u.close() // idle: its end, or bytes nobody asked for
	case u.gotHead:
		u.r.upstreamReadable()
	default:
		u.readHead()
	}
}

// readHead reads until the response head is complete.
func (u *upstreamConn) readHead() {
	for u.CanRead {
		b := u.w.Loop.BufferFor(len(u.in))
		have := copy(b, u.in)
		n, err := u.Read(b[have:])
		if err == loop.ErrAgain {
			return
		}
		if err != nil {
			u.ended(err, have > 0)
			return
		}
		u.in = u.in[:0]
		u.timer.After(u.r.target.read)
		if !u.parse(b[:have+n]) {
			return
		}
	}
}

// parse looks for response heads at the front of b; true: read on.
func (u *upstreamConn) parse(b []byte) bool {
	r, w := u.r, u.w
	for {
		if err := http1.StatusLine(b); err == http1.ErrNotHTTP {
			return u.notHTTP(b)
		}
		n, err := http1.Complete(b, u.scan)
		if err != nil {
			if http1.CheckPartialResponse(b, &w.srv.Options.ResponseHead) != nil {
				u.failed(errUpstreamBad, health.TCPFailure, false)
				return false
			}
			u.scan = n
			u.in = append(u.in[:0], b...)
			return true
		}
		u.scan = 0
		h := &w.upHead
		switch err = h.ParseResponse(b, n, &w.srv.Options.ResponseHead, r.head); {
		case err == http1.ErrNotHTTP:
			return u.notHTTP(b)
		case err != nil:
			u.failed(errUpstreamBad, health.TCPFailure, false)
			return false
		}
		if h.Status == 101 && r.Bits&message.BitUpgrade != 0 {
			return u.upgrade(b, n)
		}
		if h.Status < 200 { // interim responses end here, but early hints
			if u.interim++; u.interim > maxInterim || h.Status == 101 { // nobody asked to switch
				u.failed(errUpstreamBad, health.TCPFailure, false)
				return false
			}
			if st := r.hinted(h.Status); st != nil {
				var t message.Head
				if _, err := h.Adopt(b, r.Shared, &t); err == nil {
					st.sendHints(&t)
				}
			}
			if b = b[n:]; len(b) == 0 {
				return true
			}
			continue
		}
		u.response(b, n)
		return false
	}
}

// response takes over the final head, and what came with it.
func (u *upstreamConn) response(b []byte, n int) {
	r, h := u.r, &u.w.upHead
	u.gotHead = true
	r.Times.UpstreamHead = u.w.Loop.Now()
	u.dec.Begin(h.Body, h.Length)
	u.keep = h.KeepAlive
	if err := r.adoptResponse(b); err != nil {
		u.failed(err, health.TCPFailure, false)
		return
	}
	u.hot = b[n:]
	r.resume()
	if len(u.hot) > 0 && u.r == r && r.up == u { // not taken yet
		u.in = append(u.in[:0], u.hot...)
	}
	u.hot = nil
}

// notHTTP passes bytes that are no HTTP response as they are, as the reference
// does (HTTP/0.9), and ends the connection with them.
func (u *upstreamConn) notHTTP(b []byte) bool {
	r := u.r
	if u.interim > 0 { // it spoke HTTP before
		u.failed(errUpstreamBad, health.TCPFailure, false)
		return false
	}
	u.raw, u.gotHead = true, true
	r.Times.UpstreamHead = u.w.Loop.Now()
	u.dec.Begin(message.BodyUntilClose, -1)
	r.Status, r.UpstreamStatus, r.Source = 200, 0, message.SourceService
	r.ResponseBody, r.ResponseBodyLength = message.BodyUntilClose, -1
	r.keep, r.out.raw = false, true
	u.hot = b
	r.resume()
	if len(u.hot) > 0 && u.r == r && r.up == u {
		u.in = append(u.in[:0], u.hot...)
	}
	u.hot = nil
	return false
}

// ended: the upstream closed, or the connection broke.
func (u *upstreamConn) ended(err error, partial bool) {
	fresh := u.used == 1
	eof := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if errors.Is(err, io.EOF) {
		err = errUpstreamClosed
	}
	if !fresh && !partial && u.r.repeatable() && (u.r.idempotent() || u.unseen(eof)) {
		// A pooled connection that the upstream had given up meanwhile: try again
		// without counting it. What must not be done twice is sent again only if
		// the upstream has not got it.
		r := u.r
		u.detach()
		u.close()
		r.target.tried--
		r.k.Tries = r.k.Tries[:len(r.k.Tries)-1]
		r.again(stepSend)
		return
	}
	u.failed(err, health.TCPFailure, false)
}

// unseen says whether the upstream has certainly not got the request: nothing
// was sent, or it had closed (eof) before and acknowledged nothing of it.
func (u *upstreamConn) unseen(eof bool) bool {
	sent := int64(u.Sent - u.before)
	if sent == 0 {
		return true
	}
	if !eof || u.interim > 0 {
		return false
	}
	info, err := unix.GetsockoptTCPInfo(u.FD, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || info.Bytes_sent == 0 {
		return false
	}
	acked := int64(info.Bytes_acked) - 1 // that of the connection's beginning
	return int64(info.Bytes_sent-info.Bytes_retrans)-acked >= sent
}

// broken: writing failed. The upstream may have answered before it closed.
func (u *upstreamConn) broken(err error) {
	if u.r == nil {
		u.close()
		return
	}
	u.HungUp = true // its edge may not have been seen yet: no other request may take the connection
	if u.gotHead {
		return
	}
	u.CanRead = true
	u.sent = true
	u.w.Loop.Again(u)
	_ = err
}

// expired is the connection's timer: connect, read or idle.
func (u *upstreamConn) expired() {
	switch {
	case u.tunnel != nil:
		u.tunnel.expired()
	case u.r == nil:
		u.close()
	case u.gotHead && u.r.clientBehind():
		u.await()
	case u.gotHead:
		u.r.responseBroken(errUpstreamTimeout)
	default:
		u.failed(errUpstreamTimeout, health.TimeoutFailure, u.Connecting || u.handshake)
	}
}

// failed ends a try.
func (u *upstreamConn) failed(err error, f health.Failure, connecting bool) {
	r := u.r
	u.detach()
	u.close()
	if r.gone {
		r.resume()
		return
	}
	out := r.tryFailed(err, f, connecting)
	if out == plugin.Continue && r.suspended {
		r.resume()
	}
}

// detach parts the connection from its request.
func (u *upstreamConn) detach() {
	if u.r != nil {
		u.r.up = nil
		u.r = nil
	}
}

// close ends the connection.
func (u *upstreamConn) close() {
	if u.Closed() {
		return
	}
	if u.at >= 0 {
		u.pool.remove(u)
	}
	u.Conn.Close()
	u.timer.Drop()
}

// next decodes the next piece of the body from what is at hand, then from the socket.
func (u *upstreamConn) next() (data []byte, done bool, err error) {
	if u.dec.Done() {
		return nil, true, nil
	}
	for {
		if len(u.hot) > 0 {
			data, n, err := u.dec.Gather(u.hot) // one piece per read, so that filters are called once
			if err != nil {
				return nil, false, errUpstreamCoding
			}
			u.hot = u.hot[n:]
			if len(data) > 0 || u.dec.Done() {
				return data, u.dec.Done(), nil
			}
			continue
		}
		if len(u.in) > 0 { // kept from an earlier callback
			u.hot = u.w.Loop.Buffer[:copy(u.w.Loop.Buffer, u.in)]
			u.in = u.in[:copy(u.in, u.in[len(u.hot):])]
			continue
		}
		if !u.CanRead {
			return nil, false, nil
		}
		n, err := u.Read(u.w.Loop.Buffer)
		switch {
		case err == loop.ErrAgain:
			return nil, false, nil
		case err == io.EOF && u.dec.EOF():
			u.keep = false
			return nil, true, nil
		case err != nil:
			u.keep = false
			return nil, false, errUpstreamClosed
		}
		u.timer.After(u.r.target.read)
		u.hot = u.w.Loop.Buffer[:n]
	}
}

func (u *upstreamConn) room() bool { return u.Pending() == 0 }

func (u *upstreamConn) answered() bool { return u.gotHead }

// leave gives the connection back to its pool, or closes it when its response
// was not read to the end.
func (u *upstreamConn) leave() {
	u.detach()
	o := &u.w.srv.Options
	ok := u.gotHead && u.keep && u.dec.Done() && u.sent && len(u.hot) == 0 && len(u.in) == 0 && !u.HungUp && u.Pending() == 0 &&
		(o.PoolRequests == 0 || u.used < o.PoolRequests)
	u.hot = nil
	if ok {
		u.pool.put(u)
	} else {
		u.close()
	}
}

// leaveUpstream ends the try, whatever came of it.
func (r *request) leaveUpstream() {
	if r.up != nil {
		r.up.leave()
	}
	r.report(int(r.UpstreamStatus), health.NoFailure)
}
