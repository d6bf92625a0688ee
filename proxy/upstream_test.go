package proxy

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

type quiet struct{}

func (quiet) Ready(loop.Events) {}

// unseen tells requests that an upstream has not got from those that it may have acted on.
func TestUnseen(t *testing.T) {
	for _, c := range []struct {
		name string
		// before acts on the upstream's side before the request is sent, after behind it.
		before, after func(c *net.TCPConn)
		eof, want     bool
	}{
		{"closed before", func(c *net.TCPConn) { c.Close() }, func(*net.TCPConn) {}, true, true},
		{"closed after", func(*net.TCPConn) {}, func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 64)); c.Close() }, true, false},
		{"read, not closed", func(*net.TCPConn) {}, func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 64)) }, true, false},
		{"reset after", func(*net.TCPConn) {}, func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			l, err := loop.New()
			if err != nil {
				t.Fatal(err)
			}
			u := &upstreamConn{}
			if err := u.Dial(l, netip.MustParseAddrPort(ln.Addr().String()), quiet{}); err != nil {
				t.Fatal(err)
			}
			defer u.Conn.Close()
			x, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer x.Close()
			u.Connecting = false
			write := func(s string) {
				if err := u.Write([]byte(s)); err != nil {
					t.Fatal(err)
				}
			}
			write("an earlier request")
			_, _ = x.Read(make([]byte, 64))
			time.Sleep(20 * time.Millisecond)
			u.begin()
			if !u.unseen(false) {
				t.Error("nothing was sent, but it may have been seen")
			}
			c.before(x.(*net.TCPConn))
			time.Sleep(20 * time.Millisecond)
			write("POST /order HTTP/1.1\r\n\r\n")
			c.after(x.(*net.TCPConn))
			time.Sleep(60 * time.Millisecond)
			if got := u.unseen(c.eof); got != c.want {
				t.Errorf("unseen: %v", got)
			}
		})
	}
}
