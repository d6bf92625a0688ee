package http2

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
	"github.com/gibbon-gateway/gibbon/wire/tlsconn"
)

// echo is a server's handler for tests: GET answers with as many bytes as the
// path /N says, everything else with the request's body and trailers.
type echo struct {
	c     *Conn
	wake  func()
	regs  message.Pool
	skips [256]bool
	// resets are the events that came.
	resets []Reset
	// stall keeps bodies unread.
	stall bool
}

type echoStream struct {
	x    message.Exchange
	left int // of a GET's answer
	sent int
	get  bool
}

func (e *echo) Wake(*Conn)    { e.wake() }
func (e *echo) Changed(*Conn) {}

func (e *echo) Head(s *Stream, h *Head) {
	st := &echoStream{}
	s.User = st
	if err := st.x.Begin(&e.regs); err != nil {
		panic(err)
	}
	base, err := h.Adopt(st.x.Shared, &st.x.Request)
	if err != nil {
		panic(err)
	}
	at := func(v message.Str) string { return st.x.View(message.Str{Off: v.Off + base, Len: v.Len}) }
	if h.Expect100 {
		w := s.Begin()
		w.Status(100)
		_ = w.Send(false)
	}
	method, path := at(h.Method), at(h.Path)
	st.get = method == "GET" || method == "HEAD"
	if st.get {
		st.left, _ = strconv.Atoi(strings.TrimPrefix(path, "/"))
		if path == "/" {
			st.left = 30
		}
	}
	w := s.Begin()
	w.Status(200)
	w.Field("x-method", method)
	w.Field("x-path", path)
	w.Field("content-type", "text/plain")
	e.skips[message.HeaderContentLength] = true
	w.Table(st.x.Shared, &st.x.Request, &e.skips)
	_ = w.Send(method == "HEAD")
	if method == "HEAD" {
		e.done(s)
		return
	}
	e.Readable(s)
}

var letters = []byte(strings.Repeat("0123456789abcdef", 4096))

func (e *echo) Readable(s *Stream) {
	st := s.User.(*echoStream)
	if e.stall {
		return
	}
	for st.get {
		s.Consume(len(s.Buffered()))
		if !s.Ended() {
			return
		}
		b := letters[st.sent%16:]
		want := min(st.left, len(b))
		n, err := s.Write(b[:want], want == st.left)
		st.left -= n
		st.sent += n
		if err != nil || n < want {
			return
		}
		if st.left == 0 {
			e.done(s)
			return
		}
	}
	for {
		b := s.Buffered()
		if len(b) == 0 {
			break
		}
		n, err := s.Write(b, false)
		s.Consume(n)
		if err != nil || n < len(b) {
			return
		}
	}
	if !s.Ended() {
		return
	}
	if t := s.Trailer(); t != nil {
		w := s.Begin()
		for _, f := range t.Fields {
			w.Field(string(t.Buf[f.Name.Off:f.Name.Off+uint32(f.Name.Len)]), string(t.Text(f.Value)))
		}
		_ = w.Send(true)
	} else {
		_, _ = s.Write(nil, true)
	}
	e.done(s)
}

func (e *echo) Writable(s *Stream) { e.Readable(s) }

func (e *echo) Reset(s *Stream, r *Reset) {
	e.resets = append(e.resets, *r)
	e.done(s)
}

func (e *echo) done(s *Stream) {
	s.User.(*echoStream).x.End()
	s.Close()
}

// wire runs a Conn on a net.Conn with goroutines and a lock.
type wire struct {
	mu    sync.Mutex
	c     *Conn
	nc    net.Conn
	out   []byte
	cond  *sync.Cond
	woken bool
	done  chan struct{}
}

func newWire(nc net.Conn) *wire {
	w := &wire{nc: nc, done: make(chan struct{})}
	w.cond = sync.NewCond(&w.mu)
	return w
}

func (w *wire) Write(p []byte) error {
	w.out = append(w.out, p...)
	w.cond.Broadcast()
	return nil
}

func (w *wire) Pending() int { return len(w.out) }

// do runs f on the connection, and flushes.
func (w *wire) do(f func()) {
	w.mu.Lock()
	f()
	w.settle()
	w.mu.Unlock()
}

func (w *wire) settle() {
	for w.woken {
		w.woken = false
		_ = w.c.Flush()
	}
	if w.c.Finished() {
		w.cond.Broadcast()
	}
}

func (w *wire) run() {
	go w.writer()
	go func() {
		b := make([]byte, 20000)
		for {
			n, err := w.nc.Read(b)
			w.mu.Lock()
			if n > 0 {
				_ = w.c.Feed(b[:n])
			}
			if err != nil {
				w.c.Lost(nil)
			}
			w.settle()
			w.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
}

func (w *wire) writer() {
	defer close(w.done)
	for {
		w.mu.Lock()
		for len(w.out) == 0 && !w.c.Finished() {
			w.cond.Wait()
		}
		p := w.out
		w.out = nil
		finished := w.c.Finished()
		w.mu.Unlock()
		if len(p) > 0 {
			if _, err := w.nc.Write(p); err != nil {
				w.do(func() { w.c.Lost(err) })
				return
			}
		} else if finished {
			_ = w.nc.Close()
			return
		}
		w.do(w.c.Resume)
	}
}

// echoWire serves echo on nc.
func echoWire(nc net.Conn, o *Options) (*wire, *echo) {
	w := newWire(nc)
	e := &echo{wake: func() { w.woken = true }}
	w.c = NewServer(w, e, NewPool(), o)
	e.c = w.c
	w.do(w.c.Start)
	w.run()
	return w, e
}

// loopServer serves echo on a loop.
type loopServer struct {
	t      testing.TB
	l      *loop.Loop
	pool   *Pool
	o      *Options
	fd     int
	Addr   netip.AddrPort
	done   chan struct{}
	secure *tls.Config
}

// newLoopServer listens; with a TLS configuration connections begin with TLS.
func newLoopServer(t testing.TB, o *Options, secure *tls.Config) *loopServer {
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := loop.Listen(netip.MustParseAddrPort("127.0.0.1:0"), loop.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := &loopServer{t: t, l: l, pool: NewPool(), o: o, fd: fd, Addr: loop.LocalAddr(fd), done: make(chan struct{}), secure: secure}
	if _, err := l.RegisterShared(fd, s); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(s.done); _ = l.Run() }()
	t.Cleanup(func() {
		l.Stop()
		<-s.done
		_ = unix.Close(fd)
	})
	return s
}

// Ready implements loop.Handler: it accepts.
func (s *loopServer) Ready(loop.Events) {
	for {
		fd, _, err := loop.Accept(s.fd)
		if err != nil {
			return
		}
		if s.secure == nil {
			s.serve(fd, nil)
			continue
		}
		s.l.Handed()
		tlsconn.Server(fd, s.secure, tlsconn.Options{Timeout: 5 * time.Second}, func(x *tlsconn.Session, err error) {
			s.l.Post(func() {
				if err != nil {
					_ = unix.Close(fd)
					return
				}
				s.serve(fd, x)
			})
		})
	}
}

func (s *loopServer) serve(fd int, x *tlsconn.Session) {
	c := &loopConn{}
	if err := c.Open(s.l, fd, c); err != nil {
		s.t.Error(err)
		return
	}
	if x != nil {
		x.Attach(&c.Conn)
		s.l.Again(c)
	}
	c.start(s)
}

// loopConn is a connection of a loopServer: how an owner drives a Conn.
type loopConn struct {
	loop.Conn
	s     *loopServer
	e     *echo
	woken bool
	over  bool
}

func (c *loopConn) start(s *loopServer) {
	c.s = s
	c.e = &echo{wake: func() { c.woken = true; s.l.Again(c) }}
	c.e.c = NewServer(&c.Conn, c.e, s.pool, s.o)
	c.e.c.Start()
}

// Ready implements loop.Handler.
func (c *loopConn) Ready(ev loop.Events) {
	c.Note(ev)
	h := c.e.c
	if ev&loop.Writable != 0 && c.Pending() > 0 {
		if err := c.Flush(); err != nil {
			h.Lost(err)
			c.close()
			return
		}
		if c.Pending() == 0 {
			h.Resume()
		}
	}
	for c.CanRead && !c.Closed() && !h.Congested() {
		n, err := c.Read(c.s.pool.Read)
		if err == loop.ErrAgain {
			break
		}
		if err != nil {
			h.Lost(nil)
			c.close()
			return
		}
		if c.over {
			continue // what still comes is dropped
		}
		_ = h.Feed(c.s.pool.Read[:n])
	}
	if ev == 0 && c.woken {
		c.woken = false
		if err := h.Flush(); err != nil {
			c.close()
			return
		}
	}
	if h.Finished() && !c.woken && c.Pending() == 0 && !c.over && !c.Closed() {
		c.over = true
		if c.Layer != nil {
			_ = c.Layer.CloseWrite()
		}
		_ = unix.Shutdown(c.FD, unix.SHUT_WR)
	}
}

func (c *loopConn) close() {
	if !c.Closed() {
		c.Conn.Close()
	}
}
