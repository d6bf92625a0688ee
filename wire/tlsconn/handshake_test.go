package tlsconn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Application data that comes with the end of the handshake is not lost, and
// neither are bytes that were read before the handshake.
func TestEarlyBytes(t *testing.T) {
	server, client := configs(t, tls.VersionTLS13)
	l := runLoop(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		raw, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		// The client's last flight and its first data go out together.
		hold := &holder{Conn: raw, from: 2}
		c := tls.Client(hold, client)
		if err := c.Handshake(); err != nil {
			t.Error(err)
		}
		_, _ = c.Write([]byte("at once"))
		hold.release()
		b := make([]byte, 7)
		_, _ = io.ReadFull(c, b)
		_ = c.Close()
	}()
	sc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	file, err := sc.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	sc.Close()
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	_ = unix.SetNonblock(fd, true)
	first := make([]byte, 100)
	for {
		n, err := unix.Read(fd, first)
		if err == unix.EAGAIN {
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		first = first[:n]
		break
	}
	got := make(chan string, 1)
	Server(fd, server, Options{Timeout: 5 * time.Second, Prefix: first}, func(s *Session, err error) {
		l.Post(func() {
			if err != nil {
				t.Error(err)
				got <- ""
				return
			}
			e := &end{done: make(chan struct{})}
			e.answer = func(e *end, b []byte) {
				if b != nil {
					e.write(t, b)
					got <- string(b)
				}
			}
			if err := e.Open(l, fd, e); err != nil {
				t.Error(err)
			}
			s.Attach(&e.Conn)
			e.read()
		})
	})
	select {
	case s := <-got:
		if s != "at once" {
			t.Errorf("%q", s)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the data that came with the handshake is lost")
	}
}

// holder keeps writes from the from-th on until it is released.
type holder struct {
	net.Conn
	from, n int
	held    []byte
	free    bool
}

func (h *holder) Write(p []byte) (int, error) {
	if h.n++; h.n < h.from || h.free {
		return h.Conn.Write(p)
	}
	h.held = append(h.held, p...)
	return len(p), nil
}

func (h *holder) release() {
	h.free = true
	_, _ = h.Conn.Write(h.held)
}

// Handshakes that never end are ended, and leave nothing behind.
func TestHandshakeTimeout(t *testing.T) {
	files, routines := openFiles(t), runtime.NumGoroutine()
	t.Run("run", func(t *testing.T) {
		server, _ := configs(t, tls.VersionTLS13)
		l := runLoop(t)
		failures := make(chan error, 10)
		addr := serve(t, l, server, Options{Timeout: 100 * time.Millisecond}, func(s *Session, err error, e *end) { failures <- err })
		for _, first := range []string{"", "\x16\x03\x01\x02\x00\x01", "\x16\x03\x01\x00\x01"} {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = io.WriteString(c, first)
			start := time.Now()
			select {
			case err := <-failures:
				var ne net.Error
				if !errors.As(err, &ne) || !ne.Timeout() {
					t.Errorf("%q: %v", first, err)
				}
				if d := time.Since(start); d > 3*time.Second {
					t.Errorf("%q: after %v", first, d)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("%q: the handshake's time is over, but it goes on", first)
			}
		}
	})
	settled(t, files, routines)
}

func TestHandshakeFailures(t *testing.T) {
	server, client := configs(t, tls.VersionTLS13)
	l := runLoop(t)
	failures := make(chan error, 10)
	addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) { failures <- err })
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x00\x05\x00\x00\x00\x00\x00"} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text)
		if err := <-failures; err == nil {
			t.Errorf("%q: no error", text)
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: the connection stays open", text)
		}
		c.Close()
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-failures; err == nil {
		t.Error("a client that left shook hands")
	}
	old := client.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, err := tls.Dial("tcp", addr, old); err == nil {
		t.Error("the wrong version was taken")
	}
	if err := <-failures; err == nil {
		t.Error("the wrong version was taken")
	}
}

// Callbacks of the configuration find the connection's owner.
func TestOwner(t *testing.T) {
	server, client := configs(t, tls.VersionTLS13)
	owner := &struct{ n int }{7}
	found := make(chan any, 1)
	server.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		if _, ok := h.Context().Deadline(); !ok {
			t.Error("the callback's context has no deadline")
		}
		if h.Conn.RemoteAddr().String() == "" {
			t.Error("no remote address")
		}
		found <- OwnerOf(h.Conn)
		return nil, nil
	}
	l := runLoop(t)
	addr := serve(t, l, server, Options{Timeout: 5 * time.Second, Owner: owner}, func(s *Session, err error, e *end) {})
	c, err := tls.Dial("tcp", addr, client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := <-found; got != owner {
		t.Errorf("%v", got)
	}
	if OwnerOf(c) != nil {
		t.Error("another's connection has an owner")
	}
}

// Both sides on loops, the client through Dial.
func TestClient(t *testing.T) {
	server, client := configs(t, tls.VersionTLS13)
	l := runLoop(t)
	addr := serve(t, l, server, Options{Timeout: 5 * time.Second}, func(s *Session, err error, e *end) { e.answer = echo(t) })
	c := &end{done: make(chan struct{})}
	got := ""
	c.answer = func(e *end, b []byte) {
		if got += string(b); got == "ping" {
			e.finish(nil)
		}
	}
	d := &dialer{t: t, l: l, c: c, config: client}
	l.Post(func() {
		if err := d.raw.Dial(l, netip.MustParseAddrPort(addr), d); err != nil {
			t.Error(err)
		}
	})
	within(t, "an answer", c.done)
	if got != "ping" {
		t.Errorf("%q", got)
	}
	bad := client.Clone()
	bad.ServerName = "b.test"
	d = &dialer{t: t, l: l, c: c, config: bad, failed: make(chan error, 1)}
	l.Post(func() {
		if err := d.raw.Dial(l, netip.MustParseAddrPort(addr), d); err != nil {
			t.Error(err)
		}
	})
	var wrong x509.HostnameError
	if err := <-d.failed; !errors.As(err, &wrong) {
		t.Error(err)
	}
}

// dialer connects, then shakes hands as a client.
type dialer struct {
	t      testing.TB
	l      *loop.Loop
	raw    loop.Conn
	c      *end
	config *tls.Config
	failed chan error
}

func (d *dialer) Ready(ev loop.Events) {
	if !d.raw.Connecting || ev&(loop.Writable|loop.HangUp) == 0 {
		return
	}
	if err := d.raw.Connected(); err != nil {
		d.t.Error(err)
		return
	}
	fd := d.raw.Detach()
	Client(fd, d.config, Options{Timeout: 5 * time.Second}, func(s *Session, err error) {
		d.l.Post(func() {
			if err != nil {
				d.failed <- err
				_ = unix.Close(fd)
				return
			}
			if err := d.c.Open(d.l, s.FD, d.c); err != nil {
				d.t.Error(err)
			}
			s.Attach(&d.c.Conn)
			d.c.write(d.t, []byte("ping"))
			d.c.read()
		})
	})
}

// Many short connections leave nothing behind.
func TestManyShortConnections(t *testing.T) {
	files, routines := openFiles(t), runtime.NumGoroutine()
	t.Run("run", func(t *testing.T) {
		server, client := configs(t, tls.VersionTLS13)
		client.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		l := runLoop(t)
		addr := serve(t, l, server, Options{Timeout: 10 * time.Second}, func(s *Session, err error, e *end) {
			if err != nil {
				t.Error(err)
				return
			}
			e.answer = func(e *end, b []byte) {
				if b != nil {
					e.write(t, b)
					_ = e.Layer.CloseWrite()
				}
			}
		})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 40 {
					c, err := tls.Dial("tcp", addr, client)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = c.Write([]byte("x"))
					if b, err := io.ReadAll(c); err != nil || string(b) != "x" {
						t.Errorf("%q, %v", b, err)
					}
					c.Close()
				}
			})
		}
		wg.Wait()
	})
	settled(t, files, routines)
}
