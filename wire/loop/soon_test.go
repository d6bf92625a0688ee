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
