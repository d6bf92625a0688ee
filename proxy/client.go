package proxy

import (
	"crypto/x509"
	"errors"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

type clientState uint8

const (
	clientIdle    clientState = iota // waits for the first byte of a request
	clientHead                       // has a part of a head
	clientBusy                       // a request is being served
	clientClosing                    // writes the rest, then lingers and closes
	clientTunnel                     // bytes pass both ways
	clientPreface                    // waits for a PROXY protocol header
	clientHTTP2                      // speaks HTTP/2: h2 has it
)

// A closing connection takes and drops what the client still sends, so that it
// can read the answer before a reset: while something comes every lingerPause,
// for lingerTime at most (nginx's lingering_timeout and lingering_time). dropReads
// bounds how often it reads before others have their turn.
const (
	lingerPause = 5e9
	lingerTime  = 30e9
	dropReads   = 16
)

// maxAhead bounds what is kept of further requests of a client that has closed its side.
const maxAhead = 1 << 20

// clientConn is a client's HTTP/1.1 connection.
type clientConn struct {
	loop.Conn
	w        *Worker
	listener *Listener
	state    clientState
	// in holds unparsed bytes between callbacks, scan is how far a head was looked at.
	in   []byte
	scan int
	req  *request
	// held is output that waits to be sent, in the loop's Scratch; nil without any.
	held []byte
	// timer is the one of the current state; lingering ends at lingerEnd.
	timer     loop.Timer
	lingerEnd int64
	// peerClosed: the client has sent its end.
	peerClosed bool
	flow       message.Flow
	tunnel     duplex
	// authorities are those that a certificate handler named to the client.
	authorities *x509.CertPool
	h2          *h2Client
}

// accept takes over an accepted socket.
func (w *Worker) accept(fd int, l *Listener, peer, local netip.AddrPort) {
	c := &clientConn{w: w, listener: l}
	if err := c.Open(w.Loop, fd, c); err != nil {
		w.srv.Log.Errorf("cannot watch an accepted connection: %v", err)
		_ = unix.Close(fd)
		return
	}
	c.start(peer, local)
}

func (c *clientConn) start(peer, local netip.AddrPort) {
	w := c.w
	s := w.srv
	c.flow.Serial = s.serial.Add(1)
	c.flow.Peer, c.flow.Local = peer, local
	c.flow.Listener = c.listener.Index
	if p := c.listener.Path; p != "" {
		c.flow.OnUnix(p)
	}
	c.flow.Accepted = time.Unix(0, w.Loop.Wall())
	s.Active.Add(1)
	w.conns[c] = struct{}{}
	c.timer.Init(w.Loop, c.expired)
	if c.listener.ProxyProtocol && !c.flow.Proxied.IsValid() {
		c.state = clientPreface
	}
	c.timer.After(s.Options.HeaderTimeout)
}

// Ready implements loop.Handler.
func (c *clientConn) Ready(ev loop.Events) {
	c.Note(ev)
	if c.h2 != nil {
		c.h2.ready(ev)
		return
	}
	if ev&loop.Writable != 0 && c.Pending() > 0 {
		if err := c.Flush(); err != nil {
			c.broken()
			return
		}
		if c.Pending() == 0 {
			c.drained()
		}
	}
	if c.CanRead && !c.Closed() {
		c.readable()
	}
}

// drained is called when the kernel took all that waited.
func (c *clientConn) drained() {
	switch c.state {
	case clientBusy:
		c.timer.Off()
		if c.req.taken.raw {
			c.req.taken.drained()
			return
		}
		c.req.clientDrained()
	case clientClosing:
		c.linger()
	case clientTunnel:
		c.tunnel.drained(c)
	}
}

func (c *clientConn) readable() {
	switch c.state {
	case clientIdle, clientHead:
		c.readHead()
	case clientBusy:
		c.readBusy()
	case clientClosing:
		c.drop()
	case clientTunnel:
		c.tunnel.fromClient()
	case clientPreface:
		c.readPreface()
	}
}

// readHead reads until a request head is complete, and starts the request.
func (c *clientConn) readHead() {
	for c.CanRead || len(c.in) > 0 {
		b := c.w.Loop.BufferFor(len(c.in))
		have := copy(b, c.in)
		got := 0
		if c.CanRead {
			n, err := c.Read(b[have:])
			if err != nil && err != loop.ErrAgain {
				c.close()
				return
			}
			got = n
		}
		if have+got == 0 {
			return
		}
		if !c.parse(b[:have+got]) {
			return
		}
		if got == 0 && c.state != clientIdle { // nothing new, and a part of a head
			return
		}
	}
}

// parse looks for a head at the front of b. It returns true when more input
// should be read: the head is not complete yet.
func (c *clientConn) parse(b []byte) bool {
	w := c.w
	if c.listener.HTTP2 {
		yes, more := c.asksForH2(b)
		if yes {
			c.startH2(b)
			return false
		}
		if more {
			c.keepHead(b)
			return true
		}
	}
	n, err := http1.Complete(b, c.scan)
	if err != nil {
		c.scan = n
		c.keepHead(b)
		if err = http1.CheckPartial(b, &w.srv.Options.RequestHead); err != nil {
			c.refuse(b, 0, err)
			return false
		}
		return true
	}
	c.scan = 0
	c.timer.Off()
	if err = w.head.ParseRequest(b, n, &w.srv.Options.RequestHead); err != nil {
		c.refuse(b, n, err)
		return false
	}
	c.in = append(c.in[:0], b[n:]...)
	c.state = clientBusy
	r, err := w.begin(c, b)
	if err != nil {
		w.srv.Log.Errorf("a request was dropped: %v", err)
		c.close()
		return false
	}
	if status := r.check(); status != 0 {
		r.badRequest(status)
	}
	r.serve()
	if c.HungUp && c.state == clientBusy {
		w.Loop.Again(c) // the end came with the head: no other edge tells of it
	}
	return false
}

// keepHead keeps b, the part of a head that has come so far; the rest must come in time.
func (c *clientConn) keepHead(b []byte) {
	if c.state == clientIdle {
		c.state = clientHead
		c.timer.After(c.w.srv.Options.HeaderTimeout)
	}
	c.in = append(c.in[:0], b...)
}

// refuse answers a head that cannot be a request, and closes.
func (c *clientConn) refuse(b []byte, n int, err error) {
	if c.wrongPreface(b) {
		c.startH2(b)
		return
	}
	c.state = clientBusy
	c.in = c.in[:0]
	c.timer.Off()
	r, e := c.w.beginRefused(c, b, n, err)
	if e != nil {
		c.close()
		return
	}
	r.refused(err)
}

// readBusy takes request body bytes, or notices that the client went away.
func (c *clientConn) readBusy() {
	r := c.req
	if r.taken.readable() {
		return
	}
	if r.wantsBody() {
		r.pumpBody()
		return
	}
	if !c.HungUp || c.peerClosed {
		return // pipelined bytes wait in the kernel
	}
	// The client closed: nginx takes a half close for gone, too, unless bytes of
	// a next request are still to be read.
	b := c.w.Loop.Buffer
	n, err := c.Read(b)
	switch {
	case err == nil && n > 0:
		if len(c.in)+n > maxAhead {
			c.broken()
			return
		}
		c.in = append(c.in, b[:n]...)
		c.w.Loop.Again(c)
	case err == loop.ErrAgain:
	case errors.Is(err, io.EOF) && len(c.in) > 0:
		c.peerClosed = true
	default:
		c.broken()
	}
}

// broken ends a connection whose client is gone.
func (c *clientConn) broken() {
	if r := c.req; r != nil && c.state == clientBusy {
		c.peerClosed = true
		r.clientGone()
		return
	}
	c.abort()
}

// finished is called by the request when it is over. keep says whether the
// connection goes on.
func (c *clientConn) finished(keep bool) {
	c.req = nil
	s := c.w.srv
	if c.Closed() {
		return
	}
	if !keep || s.draining.Load() || c.peerClosed && len(c.in) == 0 {
		c.endSending()
		return
	}
	c.state = clientIdle
	c.timer.After(s.Options.KeepaliveTimeout)
	if len(c.in) > 0 || c.CanRead {
		c.CanRead = true // parse what is there before the next edge
		c.w.Loop.Again(c)
	}
}

// endSending ends the connection once the client has what waits for it.
func (c *clientConn) endSending() {
	c.state = clientClosing
	c.WriteNow()
	if c.Pending() == 0 {
		c.linger()
	} else {
		c.timer.After(c.w.srv.Options.SendTimeout)
	}
}

// linger shuts our side and drops what the client still sends.
func (c *clientConn) linger() {
	if c.Layer != nil {
		_ = c.Layer.CloseWrite()
	}
	if c.peerClosed || c.HungUp || !c.shutdown() {
		c.close()
		return
	}
	c.lingerEnd = c.w.Loop.Now() + lingerTime
	c.timer.After(lingerPause)
	if c.CanRead {
		c.drop()
	}
}

func (c *clientConn) drop() {
	for reads := 0; c.CanRead; reads++ {
		if reads == dropReads {
			c.w.Loop.Again(c)
			return
		}
		_, err := c.RawRead(c.w.Loop.Buffer)
		if err == loop.ErrAgain {
			return
		}
		if err != nil {
			c.close()
			return
		}
		if c.lingerEnd != 0 { // else the answer is still on its way
			c.timer.At(min(c.w.Loop.Now()+lingerPause, c.lingerEnd))
		}
	}
}

// expired is the timer of the current state.
func (c *clientConn) expired() {
	switch c.state {
	case clientBusy:
		c.req.clientTimeout()
	case clientHTTP2:
		c.h2.expired()
	default:
		c.close()
	}
}

// close ends the connection.
func (c *clientConn) close() {
	if c.Closed() {
		return
	}
	c.Conn.Close()
	c.timer.Drop()
	delete(c.w.conns, c)
	c.w.srv.Active.Add(-1)
}

// abort ends the connection and its request.
func (c *clientConn) abort() {
	if r := c.req; r != nil && c.state == clientBusy {
		r.clientGone()
	}
	if c.tunnel != nil {
		c.tunnel.end()
	}
	if c.h2 != nil {
		c.h2.lost()
	}
	c.close()
}
