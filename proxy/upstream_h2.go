package proxy

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/wire/http2"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
	"github.com/gibbon-gateway/gibbon/wire/tlsconn"
)

// h2Pool is a worker's HTTP/2 connections to one key, and the calls that wait
// for one of them to take another stream.
type h2Pool struct {
	w     *Worker
	key   poolKey
	conns []*h2Upstream
	queue []*h2Call
	// limit of streams as the upstream told last, 0 before that.
	limit int
}

const (
	// maxH2Conns bounds the connections of a worker to one address.
	maxH2Conns = 32
	// earlyStreams is how many streams are opened on a connection before the
	// upstream has told how many it allows.
	earlyStreams = 8
	// firstWaiters is how many calls wait for it then.
	firstWaiters = 100
)

// h2Upstream is an HTTP/2 connection to an upstream. It implements
// http2.Handler and loop.Handler.
type h2Upstream struct {
	loop.Conn
	h2Link
	w     *Worker
	pool  *h2Pool
	timer loop.Timer
	// open: calls can be made; until then they wait in waiting.
	open    bool
	waiting []*h2Call
	used    int
	// config is of the TLS handshake to come, nil without one.
	config  *tls.Config
	timeout time.Duration
}

var errNoH2 = errors.New("upstream does not speak HTTP/2")

// h2PoolOf is the worker's pool for key.
func (w *Worker) h2PoolOf(key poolKey) *h2Pool {
	p := w.h2.pools[key]
	if p == nil {
		if w.h2.pools == nil {
			w.h2.pools = map[poolKey]*h2Pool{}
		}
		p = &h2Pool{w: w, key: key}
		w.h2.pools[key] = p
	}
	return p
}

// ready is a connection that takes a call now, nil without one.
func (p *h2Pool) ready() *h2Upstream {
	for _, u := range p.conns {
		if u.takes() {
			return u
		}
	}
	return nil
}

// takes says whether the connection takes a call now.
func (u *h2Upstream) takes() bool {
	if !u.open || !u.conn.CanOpen() {
		return false
	}
	_, known := u.conn.Limit()
	return known || u.conn.Streams() < cmp.Or(u.pool.limit, earlyStreams)
}

// settled says whether the connection is made and its limits are known.
func (u *h2Upstream) settled() bool {
	if !u.open {
		return false
	}
	_, known := u.conn.Limit()
	return known
}

// place finds a connection for c, or has it wait for one. An error is of a
// connection that could not be begun.
func (p *h2Pool) place(c *h2Call) error {
	if u := p.ready(); u != nil {
		u.start(c)
		return nil
	}
	c.timer.After(c.r.target.connect)
	for _, u := range p.conns {
		if !u.settled() && len(u.waiting) < cmp.Or(p.limit, firstWaiters) {
			u.waiting = append(u.waiting, c)
			return nil
		}
	}
	if len(p.conns) >= maxH2Conns {
		p.queue = append(p.queue, c)
		return nil
	}
	u := p.fresh()
	if c.r.secureUpstream() {
		u.config = h2Config(c.r.upstreamTLS().config, false)
		u.timeout = time.Duration(c.r.target.connect)
	}
	if err := u.connect(p.key.addr); err != nil {
		p.remove(u)
		return err
	}
	u.waiting = append(u.waiting, c)
	if !u.Connecting {
		p.w.Loop.Again(u) // goes on with connected
		u.Connecting = true
	}
	return nil
}

// connect starts the connection, or takes a ready one from where Server.Dial says.
func (u *h2Upstream) connect(addr netip.AddrPort) error {
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
func (p *h2Pool) fresh() *h2Upstream {
	u := &h2Upstream{w: p.w, pool: p}
	u.timer.Init(p.w.Loop, u.expired)
	u.h2Link = h2Link{sock: &u.Conn, owner: u, timer: &u.timer, patience: p.w.srv.Options.SendTimeout}
	u.stall.Init(p.w.Loop, func() { u.gone(errUpstreamTimeout) })
	p.conns = append(p.conns, u)
	return u
}

func (p *h2Pool) remove(u *h2Upstream) {
	for i, x := range p.conns {
		if x == u {
			p.conns = append(p.conns[:i], p.conns[i+1:]...)
			break
		}
	}
}

// withdraw takes a call out that waits for a connection.
func (p *h2Pool) withdraw(c *h2Call) {
	cut := func(list []*h2Call) []*h2Call {
		for i, x := range list {
			if x == c {
				return append(list[:i], list[i+1:]...)
			}
		}
		return list
	}
	p.queue = cut(p.queue)
	for _, u := range p.conns {
		u.waiting = cut(u.waiting)
	}
}

// serve gives calls in line to connections that take some, or to a new one.
func (p *h2Pool) serve() {
	for len(p.queue) > 0 {
		u := p.ready()
		if u == nil && len(p.conns) >= maxH2Conns {
			return
		}
		c := p.queue[0]
		p.queue = append(p.queue[:0], p.queue[1:]...)
		if u != nil {
			u.start(c)
		} else if err := p.place(c); err != nil {
			c.failed(err, health.TCPFailure, true)
		}
	}
}

func (p *h2Pool) closeAll() {
	for len(p.conns) > 0 {
		p.conns[0].gone(nil)
	}
}

// h2Config is a client's TLS configuration that offers HTTP/2, alone or beside HTTP/1.1.
func h2Config(c *tls.Config, either bool) *tls.Config {
	c = c.Clone()
	c.NextProtos = []string{"h2"}
	if either {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	return c
}

// Ready implements loop.Handler.
func (u *h2Upstream) Ready(ev loop.Events) {
	u.Note(ev)
	switch {
	case u.Connecting:
		if ev == 0 || ev&(loop.Writable|loop.HangUp) != 0 {
			u.connected()
		}
	case u.open && !u.Closed():
		if err := u.h2Link.ready(ev, u.w.h2.pool.Read); err != nil {
			u.gone(err)
			return
		}
		u.settle()
	}
}

// connected ends the connect; TLS comes next, or the protocol begins.
func (u *h2Upstream) connected() {
	if err := u.Conn.Connected(); err != nil {
		u.gone(err)
		return
	}
	if u.config == nil {
		u.begin()
		return
	}
	fd := u.Detach()
	u.w.Loop.Handed()
	tlsconn.Client(fd, u.config, tlsconn.Options{Timeout: u.timeout}, func(s *tlsconn.Session, err error) {
		if !u.w.Loop.Post(func() { u.secured(fd, s, err) }) {
			_ = unix.Close(fd)
		}
	})
}

func (u *h2Upstream) secured(fd int, s *tlsconn.Session, err error) {
	if err == nil && s.State.NegotiatedProtocol != "h2" && s.State.NegotiatedProtocol != "" {
		err = errNoH2
	}
	if err == nil {
		err = u.adopt(fd, s)
	}
	if err != nil {
		_ = unix.Close(fd)
		u.gone(err)
	}
}

// becomeH2 makes of a connection that was begun for HTTP/1.1 one of HTTP/2,
// which the upstream chose.
func (u *upstreamConn) becomeH2(fd int, s *tlsconn.Session) {
	r, key := u.r, u.pool.key
	u.detach()
	u.timer.Drop()
	key.h2 = true
	p := u.w.h2PoolOf(key)
	h := p.fresh()
	h.waiting = append(h.waiting, u.w.takeCall(r, p))
	if err := h.adopt(fd, s); err != nil {
		_ = unix.Close(fd)
		h.gone(err)
	}
}

// mayUseH2 says whether an https service's upstream is offered HTTP/2.
func (r *request) mayUseH2() bool {
	return r.w.srv.Options.UpstreamHTTP2 && r.Bits&message.BitUpgrade == 0 && r.View(r.UpstreamScheme) == "https"
}

// h2Ready says whether a connection to an upstream that chose HTTP/2 takes a call.
func (w *Worker) h2Ready(key poolKey) bool {
	key.h2 = true
	p := w.h2.pools[key]
	return p != nil && p.ready() != nil
}

// adopt takes a connection over whose handshake is done, and begins to speak.
func (u *h2Upstream) adopt(fd int, s *tlsconn.Session) error {
	if err := u.Open(u.w.Loop, fd, u); err != nil {
		return err
	}
	s.Attach(&u.Conn)
	u.begin()
	u.w.Loop.Again(u)
	return nil
}

// begin starts the protocol and the calls that waited for it.
func (u *h2Upstream) begin() {
	u.conn = http2.NewClient(h2Socket{&u.Conn}, u, u.w.h2.pool, u.w.h2.client)
	u.conn.Start()
	u.open = true
	now := u.w.Loop.Now()
	for _, c := range u.waiting {
		c.r.Times.Connected = now
	}
	u.startWaiting()
	u.tick()
}

// startWaiting starts calls that waited for this connection, as many as it takes.
func (u *h2Upstream) startWaiting() {
	for len(u.waiting) > 0 && u.takes() {
		c := u.waiting[0]
		u.waiting = append(u.waiting[:0], u.waiting[1:]...)
		u.start(c)
	}
}

// start makes a call.
func (u *h2Upstream) start(c *h2Call) {
	if c.r.tooMuchAtHand() {
		c.r.body.mode = bodyStream
		c.r.bodyFailed(errBodyTooLarge)
		return
	}
	s := u.conn.Open()
	s.User, c.s, c.u = c, s, u
	u.used++
	c.nth = u.conn.Streams()
	c.send()
	o := &u.w.srv.Options
	if o.PoolSize <= 0 || o.PoolRequests > 0 && u.used >= o.PoolRequests {
		u.conn.Drain()
	}
}

// gone ends the connection at once: calls on it, and those that wait for it, fail.
func (u *h2Upstream) gone(err error) {
	p := u.pool
	p.remove(u)
	if u.open {
		u.open = false
		u.conn.Lost(err)
	}
	if !u.Closed() {
		u.Conn.Close()
	}
	u.timer.Drop()
	u.stall.Drop()
	calls := u.waiting
	u.waiting = nil
	if err == nil {
		err = errUpstreamClosed
	}
	for _, c := range calls {
		c.failed(err, health.TCPFailure, true)
	}
	p.serve()
}

// settle closes the connection once the protocol is over.
func (u *h2Upstream) settle() {
	if u.open && u.over() {
		u.gone(nil)
	}
}

// expired is the connection's timer: the protocol's clock.
func (u *h2Upstream) expired() {
	if u.open {
		u.tick()
		u.settle()
	}
}

// Head implements http2.Handler: a response came.
func (u *h2Upstream) Head(s *http2.Stream, h *http2.Head) {
	c, _ := s.User.(*h2Call)
	switch {
	case c == nil:
	case h.Status >= 200:
		c.head(h)
	default:
		if st := c.r.hinted(h.Status); st != nil {
			var t message.Head
			if _, err := h.Adopt(c.r.Shared, &t); err == nil {
				st.sendHints(&t)
			}
		}
	}
}

// Readable implements http2.Handler.
func (u *h2Upstream) Readable(s *http2.Stream) {
	if c, _ := s.User.(*h2Call); c != nil {
		c.timer.After(c.r.target.read)
		c.r.upstreamReadable()
	}
}

// Writable implements http2.Handler.
func (u *h2Upstream) Writable(s *http2.Stream) {
	if c, _ := s.User.(*h2Call); c != nil {
		c.writable()
	}
}

// Reset implements http2.Handler.
func (u *h2Upstream) Reset(s *http2.Stream, r *http2.Reset) {
	if c, _ := s.User.(*h2Call); c != nil {
		c.reset(r)
	}
}

// Wake implements http2.Handler.
func (u *h2Upstream) Wake(*http2.Conn) { u.wake() }

// Changed implements http2.Handler: there may be room for calls in line.
func (u *h2Upstream) Changed(*http2.Conn) {
	p := u.pool
	if n, known := u.conn.Limit(); known {
		p.limit = max(n, 1)
		u.startWaiting()
		p.queue = append(p.queue, u.waiting...) // they need another one
		u.waiting = nil
	}
	p.serve()
}
