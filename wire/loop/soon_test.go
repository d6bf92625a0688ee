package loop

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// there gives what the other end of a pair has got so far.
func there(t *testing.T, fd int) string {
	t.Helper()
	b := make([]byte, 1<<20)
	n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
	if err == unix.EAGAIN {
		return ""
	}
	if err != nil {
		t.Error(err)
	}
	return string(b[:n])
}

func TestWriteSoon(t *testing.T) {
	quiet := func(*peer, Events) {}
	large := string(bytes.Repeat([]byte("x"), soonMessage+1))
	write := func(t *testing.T, p *peer, s string) {
		if err := p.WriteSoon([]byte(s)); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, p *peer)
		// within is what has arrived before the round ends, after when it has ended.
		within, after string
	}{
		{"waits", func(t *testing.T, p *peer) { write(t, p, "abc") }, "", "abc"},
		{"second", func(t *testing.T, p *peer) { write(t, p, "abc"); write(t, p, "def") }, "abc", "def"},
		{"write", func(t *testing.T, p *peer) { write(t, p, "abc"); _ = p.Write([]byte("def")) }, "abcdef", ""},
		{"now", func(t *testing.T, p *peer) { write(t, p, "abc"); p.WriteNow() }, "abc", ""},
		{"large", func(t *testing.T, p *peer) { write(t, p, large) }, large, ""},
		{"close", func(t *testing.T, p *peer) { write(t, p, "abc"); p.Close() }, "abc", ""},
		{"shutdown", func(t *testing.T, p *peer) { write(t, p, "abc"); _ = p.Shutdown() }, "abc", ""},
		{"slow", func(t *testing.T, p *peer) {
			write(t, p, "abc")
			time.Sleep(2 * soonTime)
			for range soonLook {
				other, fd := pair(t)
				o := &peer{on: func(Events) {}}
				if err := o.Open(p.L, other, o); err != nil {
					t.Error(err)
				}
				write(t, o, "x")
				t.Cleanup(func() { p.L.Post(o.Close); _ = unix.Close(fd) })
			}
		}, "abc", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := run(t)
			p, other := open(t, l, quiet)
			l.do(func() {
				c.do(t, p)
				if p.Sent != uint64(len(c.within)+len(c.after)) || p.Pending() != 0 {
					t.Errorf("%d sent, %d pending", p.Sent, p.Pending())
				}
				if got := there(t, other); got != c.within {
					t.Errorf("within the round %.20q of %d bytes", got, len(got))
				}
			})
			l.do(func() {}) // the round is over
			if got := there(t, other); got != c.after {
				t.Errorf("after the round %.20q of %d bytes", got, len(got))
			}
		})
	}
}

// What the kernel does not take of a message waits as after Write.
func TestWriteSoonFull(t *testing.T) {
	l := run(t)
	p, other := open(t, l, func(p *peer, ev Events) {
		if ev&Writable != 0 {
			_ = p.Flush()
		}
	})
	fill := bytes.Repeat([]byte("y"), 1<<20)
	var filled int
	l.do(func() {
		for p.Pending() == 0 {
			_ = p.Write(fill)
			filled += len(fill)
		}
		_ = p.WriteSoon([]byte("end"))
	})
	got := 0
	for deadline := time.Now().Add(5 * time.Second); got < filled+3 && time.Now().Before(deadline); {
		got += len(there(t, other))
	}
	l.do(func() {
		if got != filled+3 || p.Pending() != 0 || p.Sent != uint64(got) {
			t.Errorf("%d bytes of %d, %d pending, %d counted", got, filled+3, p.Pending(), p.Sent)
		}
	})
}

// A send that fails is told as the end of the connection is.
func TestWriteSoonFails(t *testing.T) {
	l := run(t)
	told := make(chan struct{}, 8)
	p, other := open(t, l, func(p *peer, ev Events) {
		if ev == 0 && p.HungUp && p.CanRead {
			told <- struct{}{}
		}
	})
	l.do(func() {
		_ = unix.Shutdown(p.FD, unix.SHUT_WR)
		if err := p.WriteSoon([]byte("abc")); err != nil {
			t.Error(err)
		}
	})
	wait(t, told)
	_ = other
}

// Many connections of one round are sent to in their order, some before the round ends.
func TestWriteSoonMany(t *testing.T) {
	l := run(t)
	var all [soonConns + 3]*peer
	var ends [len(all)]int
	for i := range all {
		all[i], ends[i] = open(t, l, func(*peer, Events) {})
	}
	l.do(func() {
		for i, p := range all {
			_ = p.WriteSoon([]byte{byte('a' + i)})
		}
	})
	l.do(func() {})
	for i, fd := range ends {
		if got := there(t, fd); got != string([]byte{byte('a' + i)}) {
			t.Errorf("%d: %q", i, got)
		}
	}
}

// fill has the kernel take no more for p, without p's knowledge; it gives how many bytes that took.
func fill(t *testing.T, p *peer) (n int) {
	t.Helper()
	for {
		k, err := unix.SendmsgN(p.FD, []byte("y"), nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EAGAIN {
			return n
		}
		if err != nil {
			t.Error(err)
			return n
		}
		n += k
	}
}

// What finds the kernel full only when the round ends is neither lost nor left without anybody who knows of it.
func TestWriteSoonMeetsFullKernel(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(p *peer)
		// told: the handler learns of what waits. end: the peer sees the end behind it.
		told, end bool
	}{
		{"nothing more", func(*peer) {}, true, false},
		{"shutdown", func(p *peer) {
			if err := p.Shutdown(); err != nil {
				t.Error(err)
			}
		}, true, true},
		{"close", func(p *peer) { p.CloseSent(int64(5 * time.Second)) }, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := run(t)
			told := make(chan struct{}, 64)
			p, other := open(t, l, func(p *peer, ev Events) {
				if ev == 0 && p.Pending() > 0 {
					told <- struct{}{}
				}
				if ev&Writable != 0 {
					_ = p.Flush()
				}
			})
			filled := 0
			l.do(func() {
				filled = fill(t, p)
				_ = p.WriteSoon([]byte("end"))
				c.do(p)
			})
			if c.told {
				wait(t, told)
			}
			got, ended := []byte(nil), false
			b := make([]byte, 1<<16)
			for deadline := time.Now().Add(5 * time.Second); (len(got) < filled+3 || c.end && !ended) && time.Now().Before(deadline); {
				n, _, err := unix.Recvfrom(other, b, unix.MSG_DONTWAIT)
				if err == unix.EAGAIN {
					time.Sleep(time.Millisecond)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, b[:n]...)
				if n == 0 {
					ended = true
					break
				}
			}
			if len(got) != filled+3 || !bytes.HasSuffix(got, []byte("end")) || ended != c.end {
				t.Errorf("%d bytes of %d, the end: %v", len(got), filled+3, ended)
			}
		})
	}
}

// A peer that takes nothing holds a closed socket only for so long.
func TestCloseSentEnds(t *testing.T) {
	l := run(t)
	before := 0
	p, other := open(t, l, func(*peer, Events) {})
	l.do(func() {
		before = openFiles(t)
		fill(t, p)
		_ = p.WriteSoon([]byte("end"))
		p.CloseSent(int64(20 * time.Millisecond))
		if !p.Closed() || p.Write([]byte("x")) == nil {
			t.Error("still open")
		}
	})
	for deadline := time.Now().Add(5 * time.Second); openFiles(t) >= before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the socket stays open")
		}
	}
	_ = other
}

// The end of the loop is the end of what parts, however patient it is.
func TestLoopEndsWhatParts(t *testing.T) {
	l := run(t)
	p, _ := open(t, l, func(*peer, Events) {})
	fd := 0
	l.do(func() {
		fill(t, p)
		_ = p.WriteSoon([]byte("end"))
		fd = p.FD
		p.CloseSent(int64(time.Minute))
	})
	l.stop()
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
		t.Error("the socket stays open")
	}
}

// Behind slow handlers nothing waits, until they are quick again.
func TestWriteSoonBehindSlowHandlers(t *testing.T) {
	l := run(t)
	p, other := open(t, l, func(*peer, Events) {})
	l.do(func() { _ = p.WriteSoon([]byte("a")); time.Sleep(2 * soonTooLong) })
	l.do(func() {})
	if got := there(t, other); got != "a" {
		t.Fatalf("%q", got)
	}
	waited := 0
	for range 2 * soonSlow {
		l.do(func() {
			_ = p.WriteSoon([]byte("b"))
			if there(t, other) == "" {
				waited++
			}
		})
		l.do(func() {})
		_ = there(t, other)
	}
	if waited == 0 || waited > soonSlow {
		t.Errorf("%d messages of %d waited", waited, 2*soonSlow)
	}
}
