package loop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// peer is a Conn on a loop with a handler that the test gives.
type peer struct {
	Conn
	on func(ev Events)
}

func (p *peer) Ready(ev Events) {
	p.Note(ev)
	p.on(ev)
}

// open puts one end of a pair on the loop.
func open(t testing.TB, l *running, on func(p *peer, ev Events)) (p *peer, other int) {
	t.Helper()
	mine, other := pair(t)
	p = &peer{}
	p.on = func(ev Events) { on(p, ev) }
	l.do(func() {
		if err := p.Open(l.Loop, mine, p); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if l.Post(p.Close) {
			l.do(func() {})
		}
		_ = unix.Close(other)
	})
	return p, other
}

func TestRead(t *testing.T) {
	l := run(t)
	var got []byte
	end := make(chan struct{})
	p, other := open(t, l, func(p *peer, ev Events) {
		var b [10]byte
		for p.CanRead {
			n, err := p.Read(b[:])
			got = append(got, b[:n]...)
			if err == io.EOF {
				close(end)
				p.Close()
				return
			}
			if err != nil && err != ErrAgain {
				t.Error(err)
			}
		}
	})
	want := ""
	for _, s := range []string{"a", "0123456789", strings.Repeat("x", 1000)} {
		_, _ = unix.Write(other, []byte(s))
		want += s
		time.Sleep(5 * time.Millisecond)
	}
	// The last bytes and the end come together.
	_, _ = unix.Write(other, []byte("last"))
	_ = unix.Shutdown(other, unix.SHUT_WR)
	wait(t, end)
	l.do(func() {
		if string(got) != want+"last" || p.Received != uint64(len(got)) || !p.Closed() {
			t.Errorf("%d bytes of %d, %d counted", len(got), len(want)+4, p.Received)
		}
	})
}

// What was left unread is remembered, and no edge is needed to go on.
func TestReadLater(t *testing.T) {
	l := run(t)
	edges := 0
	p, other := open(t, l, func(*peer, Events) { edges++ })
	_, _ = unix.Write(other, []byte("abcdef"))
	time.Sleep(20 * time.Millisecond)
	l.do(func() {
		var b [4]byte
		if n, err := p.Read(b[:]); n != 4 || err != nil || !p.CanRead {
			t.Errorf("%d, %v, CanRead %v", n, err, p.CanRead)
		}
		if n, err := p.Read(b[:]); n != 2 || err != nil || p.CanRead {
			t.Errorf("%d, %v, CanRead %v: a short read has drained the socket", n, err, p.CanRead)
		}
		if _, err := p.Read(b[:]); err != ErrAgain {
			t.Error(err)
		}
		if _, err := p.Read(nil); err != io.ErrShortBuffer {
			t.Errorf("a read of nothing: %v", err)
		}
	})
	_, _ = unix.Write(other, []byte("g"))
	time.Sleep(20 * time.Millisecond)
	l.do(func() {
		var b [4]byte
		if n, err := p.Read(b[:]); n != 1 || err != nil || edges < 2 {
			t.Errorf("after a new edge: %d, %v, %d edges", n, err, edges)
		}
	})
}

// A slow reader: what the kernel does not take waits, and goes out in order.
func TestWriteBacklog(t *testing.T) {
	l := run(t)
	drained := make(chan struct{})
	p, other := open(t, l, func(p *peer, ev Events) {
		if ev&Writable != 0 && p.Pending() > 0 {
			if err := p.Flush(); err != nil {
				t.Error(err)
			}
			if p.Pending() == 0 {
				close(drained)
			}
		}
	})
	var want []byte
	for i := range 400 {
		want = append(want, bytes.Repeat([]byte{byte(i)}, 5000+i)...)
	}
	l.do(func() {
		for rest := want; len(rest) > 0; {
			n := min(5003, len(rest))
			if err := p.Write(rest[:n]); err != nil {
				t.Error(err)
			}
			rest = rest[n:]
		}
		if p.Pending() == 0 {
			t.Error("the kernel took two megabytes")
		}
		if p.Sent+uint64(p.Pending()) != uint64(len(want)) {
			t.Errorf("%d sent, %d pending", p.Sent, p.Pending())
		}
	})
	var got []byte
	b := make([]byte, 8000)
	for len(got) < len(want) {
		n, err := unix.Read(other, b)
		if n <= 0 {
			t.Fatal(n, err)
		}
		got = append(got, b[:n]...)
	}
	wait(t, drained)
	if !bytes.Equal(got, want) {
		t.Error("bytes came in another order")
	}
	l.do(func() {
		if p.Sent != uint64(len(want)) || cap(p.out) > 64<<10 {
			t.Errorf("%d counted as sent, a buffer of %d is kept", p.Sent, cap(p.out))
		}
	})
}

func TestWriteToTheGone(t *testing.T) {
	l := run(t)
	hungUp := make(chan struct{})
	p, other := open(t, l, func(p *peer, ev Events) {
		if ev&HangUp != 0 && p.HungUp {
			select {
			case <-hungUp:
			default:
				close(hungUp)
			}
		}
	})
	_ = unix.Shutdown(other, unix.SHUT_RDWR)
	wait(t, hungUp)
	l.do(func() {
		if err := p.Write([]byte("x")); err == nil {
			t.Error("a write to a closed socket went well")
		}
	})
}

// After Close the number belongs to somebody else: not a byte may go there,
// nor be taken from there.
func TestClosedConnTouchesNothing(t *testing.T) {
	l := run(t)
	p, _ := open(t, l, func(*peer, Events) {})
	var fds [2]int
	l.do(func() {
		_ = p.Write([]byte(strings.Repeat("x", 1<<20)))
		p.Close()
		p.Close()
		var err error
		if fds, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			t.Fatal(err)
		}
		p.FD = fds[0] // as if the number had been given out again
		_, _ = unix.Write(fds[1], []byte("secret"))
		var b [10]byte
		if n, err := p.Read(b[:]); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("read %d, %v", n, err)
		}
		if err := p.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := p.Flush(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		p.Reset()
		if n, err := unix.Read(fds[1], b[:]); err != unix.EAGAIN {
			t.Errorf("%d bytes reached the new owner, %v", n, err)
		}
	})
	_ = unix.Close(fds[0])
	_ = unix.Close(fds[1])
}

func TestDetach(t *testing.T) {
	l := run(t)
	edges := 0
	p, other := open(t, l, func(*peer, Events) { edges++ })
	var fd, before int
	l.do(func() { fd = p.Detach(); before = edges })
	_, _ = unix.Write(other, []byte("x"))
	time.Sleep(20 * time.Millisecond)
	l.do(func() {
		if edges != before || !p.Closed() {
			t.Error("a detached connection is still told")
		}
		p.Close() // does not close what was detached
		if err := p.Open(l.Loop, fd, p); err != nil {
			t.Fatal(err)
		}
	})
	time.Sleep(20 * time.Millisecond)
	l.do(func() {
		var b [10]byte
		if n, err := p.Read(b[:]); n != 1 || err != nil || edges == before {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func listener(t testing.TB) (fd int, addr netip.AddrPort) {
	t.Helper()
	fd, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return fd, LocalAddr(fd)
}

func TestDialAndAccept(t *testing.T) {
	files, routines := openFiles(t), runtime.NumGoroutine()
	t.Run("run", func(t *testing.T) {
		l := run(t)
		lfd, addr := listener(t)
		defer unix.Close(lfd)
		got := make(chan string, 1)
		server := &peer{}
		accept := handler(func(Events) {
			for {
				fd, from, err := Accept(lfd)
				if err != nil {
					if err != ErrAgain {
						t.Error(err)
					}
					return
				}
				if !from.Addr().IsLoopback() || from.Port() == 0 || LocalAddr(fd) != addr {
					t.Errorf("from %v to %v", from, LocalAddr(fd))
				}
				server.on = func(Events) {
					var b [100]byte
					if n, err := server.Read(b[:]); err == nil {
						got <- string(b[:n])
						server.Close()
					}
				}
				if err := server.Open(l.Loop, fd, server); err != nil {
					t.Error(err)
				}
			}
		})
		client := &peer{}
		ended := make(chan struct{})
		client.on = func(ev Events) {
			if client.Connecting && ev&(Writable|HangUp) != 0 {
				if err := client.Connected(); err != nil {
					t.Error(err)
				}
				_ = client.Flush()
			}
			var b [10]byte
			if client.CanRead {
				if _, err := client.Read(b[:]); err == io.EOF {
					client.Close()
					close(ended)
				}
			}
		}
		l.do(func() {
			if _, err := l.RegisterShared(lfd, accept); err != nil {
				t.Fatal(err)
			}
			if err := client.Dial(l.Loop, addr, client); err != nil {
				t.Fatal(err)
			}
			if err := client.Write([]byte("before it is connected")); err != nil {
				t.Error(err)
			}
		})
		select {
		case s := <-got:
			if s != "before it is connected" {
				t.Errorf("%q", s)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("nothing arrives")
		}
		wait(t, ended)
		l.do(func() { l.Unregister(lfd) })
	})
	settled(t, files, routines)
}

func TestDialRefused(t *testing.T) {
	l := run(t)
	fd, addr := listener(t)
	_ = unix.Close(fd)
	for _, a := range []netip.AddrPort{addr, netip.AddrPortFrom(netip.AddrFrom16(addr.Addr().As16()), addr.Port())} {
		c := &peer{}
		result := make(chan error, 1)
		c.on = func(ev Events) {
			if c.Connecting && ev&(Writable|HangUp) != 0 {
				result <- c.Connected()
				c.Close()
			}
		}
		l.do(func() {
			if err := c.Dial(l.Loop, a, c); err != nil {
				result <- err
			}
		})
		select {
		case err := <-result:
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("a refused connection is not noticed")
		}
	}
}

func TestReset(t *testing.T) {
	l := run(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := netip.MustParseAddrPort(ln.Addr().String())
	c := &peer{}
	c.on = func(ev Events) {
		if c.Connecting && ev&Writable != 0 {
			_ = c.Connected()
			c.Reset()
		}
	}
	l.do(func() {
		if err := c.Dial(l.Loop, addr, c); err != nil {
			t.Fatal(err)
		}
	})
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_ = s.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side sees %v", err)
	}
}

func TestListenErrors(t *testing.T) {
	fd, addr := listener(t)
	defer unix.Close(fd)
	files := openFiles(t)
	if _, err := Listen(addr, ListenOptions{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
	if _, err := Listen(netip.MustParseAddrPort("192.0.2.1:0"), ListenOptions{}); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Error(err)
	}
	if n := openFiles(t); n != files {
		t.Errorf("%d descriptors, were %d", n, files)
	}
	if LocalAddr(-1).IsValid() {
		t.Error("an address of nothing")
	}
}

func TestListenOptions(t *testing.T) {
	one, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), ListenOptions{ReusePort: true, Backlog: 5, Deferred: true})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(one)
	two, err := Listen(LocalAddr(one), ListenOptions{ReusePort: true})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(two)
	for _, only := range []bool{true, false} {
		six, err := Listen(netip.MustParseAddrPort("[::]:0"), ListenOptions{IPv6Only: &only})
		if err != nil {
			t.Skip(err)
		}
		if v, _ := unix.GetsockoptInt(six, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); (v == 1) != only {
			t.Errorf("IPV6_V6ONLY is %d", v)
		}
		_ = unix.Close(six)
	}
}

// layer turns every byte into the next one, and back.
type layer struct {
	c    *Conn
	left []byte
}

func (y *layer) Read(p []byte) (int, error) {
	if len(y.left) == 0 {
		b := make([]byte, 100)
		n, err := y.c.RawRead(b)
		if err != nil {
			return 0, err
		}
		y.left = b[:n]
	}
	n := copy(p, y.left)
	y.left = y.left[n:]
	for i := range p[:n] {
		p[i]--
	}
	return n, nil
}

func (y *layer) Write(p []byte) (int, error) {
	b := bytes.Clone(p)
	for i := range b {
		b[i]++
	}
	return len(p), y.c.RawWrite(b)
}

func (y *layer) CloseWrite() error { return nil }

func TestLayer(t *testing.T) {
	l := run(t)
	var got []byte
	p, other := open(t, l, func(p *peer, ev Events) {
		var b [3]byte
		for p.CanRead {
			n, err := p.Read(b[:])
			got = append(got, b[:n]...)
			if err != nil && err != ErrAgain {
				t.Error(err)
				return
			}
		}
	})
	l.do(func() {
		p.Layer = &layer{c: &p.Conn}
		if err := p.Write([]byte("abc")); err != nil {
			t.Error(err)
		}
	})
	b := make([]byte, 10)
	if n, _ := unix.Read(other, b); string(b[:n]) != "bcd" {
		t.Errorf("%q", b[:n])
	}
	_, _ = unix.Write(other, []byte("bcdefghi"))
	time.Sleep(30 * time.Millisecond)
	l.do(func() {
		if string(got) != "abcdefgh" || p.CanRead {
			t.Errorf("%q, CanRead %v", got, p.CanRead)
		}
		p.on = func(Events) {}
	})
	_ = unix.Shutdown(other, unix.SHUT_WR)
	time.Sleep(30 * time.Millisecond)
	l.do(func() {
		for range 2 {
			var b [3]byte
			if _, err := p.Read(b[:]); err != io.EOF || !p.CanRead {
				t.Errorf("%v, CanRead %v: the end cannot be read again", err, p.CanRead)
			}
		}
	})
}
