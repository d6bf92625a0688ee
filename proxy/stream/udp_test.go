package stream

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// echoUDP is an upstream that answers each datagram with it.
func echoUDP(t *testing.T) (host string, port int) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			pc.WriteTo(b[:n], from)
		}
	}()
	return "127.0.0.1", pc.LocalAddr().(*net.UDPAddr).Port
}

func dialUDP(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// Documented row 67.
func TestUDPSession(t *testing.T) {
	r := newRig(t, Options{})
	host, port := echoUDP(t)
	r.route("udp", kv{"protocol": "udp", "host": host, "port": port, "read_timeout": 100}, nil)
	addr := r.listen(Listener{UDP: true})
	c := dialUDP(t, addr)
	big := strings.Repeat("x", 60000)
	for _, say := range []string{"one", "two", big} {
		talk(t, c, say, say)
	}
	other := dialUDP(t, addr)
	talk(t, other, "four", "four")
	if n := r.sessions(); n != 2 {
		t.Errorf("%d sessions, want one for each client", n)
	}
	r.wantAccess(2) // both end by silence
	r.mu.Lock()
	all := strings.Join(r.access, "\n")
	r.mu.Unlock()
	for _, want := range []string{"127.0.0.1 UDP 200 received 60006 sent 60006 up 60006/60006", "127.0.0.1 UDP 200 received 4 sent 4 up 4/4"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	talk(t, c, "again", "again")
}

func TestUDPTableIsBounded(t *testing.T) {
	r := newRig(t, Options{MaxUDPSessions: 10})
	host, port := echoUDP(t)
	r.route("udp", kv{"protocol": "udp", "host": host, "port": port}, nil)
	addr := r.listen(Listener{UDP: true})
	var first net.Conn
	for i := range 30 {
		c := dialUDP(t, addr)
		talk(t, c, "x", "x")
		if i == 0 {
			first = c
		} else {
			talk(t, first, "y", "y") // the one in use stays
		}
	}
	if n := r.sessions(); n != 10 {
		t.Errorf("%d sessions, want 10", n)
	}
	if got := r.wantAccess(20); !strings.Contains(got, "received 1 sent 1") {
		t.Errorf("the first session was pushed out: %q", got)
	}
	if !strings.Contains(r.errorLog(), "10 UDP sessions") {
		t.Error("nothing about it in the error log")
	}
}

func TestUDPRefused(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		r := newRig(t, Options{})
		r.route("udp", kv{"protocol": "udp", "host": "127.0.0.1", "port": deadPort(t)}, nil)
		c := dialUDP(t, r.listen(Listener{UDP: true}))
		c.Write([]byte("x"))
		if got := r.wantAccess(1); !strings.Contains(got, "UDP 502 received 1 sent 0") {
			t.Error(got)
		}
	})
	t.Run("no route", func(t *testing.T) {
		r := newRig(t, Options{})
		c := dialUDP(t, r.listen(Listener{UDP: true}))
		c.Write([]byte("x"))
		if got := r.wantAccess(1); !strings.Contains(got, "UDP 500") {
			t.Error(got)
		}
	})
}

func TestUDPManyClients(t *testing.T) {
	r := newRig(t, Options{})
	host, port := echoUDP(t)
	r.route("udp", kv{"protocol": "udp", "host": host, "port": port, "read_timeout": 300}, nil)
	addr := r.listen(Listener{UDP: true})
	before := openSockets(t)
	var conns []net.Conn
	for range 300 {
		c, err := net.Dial("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for i, c := range conns {
		fmt.Fprintf(c, "datagram %d", i)
		if i%50 == 49 {
			time.Sleep(5 * time.Millisecond) // the upstream's buffer is small
		}
	}
	for i, c := range conns {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		talk(t, c, "", fmt.Sprintf("datagram %d", i))
		c.Close()
	}
	r.wantAccess(300)
	r.quiet()
	if after := openSockets(t); after > before {
		t.Errorf("%d sockets, then %d", before, after)
	}
}

func TestUDPDrain(t *testing.T) {
	r := newRig(t, Options{})
	host, port := echoUDP(t)
	r.route("udp", kv{"protocol": "udp", "host": host, "port": port}, nil)
	addr := r.listen(Listener{UDP: true})
	c := dialUDP(t, addr)
	talk(t, c, "x", "x")
	r.on(func() { r.w.Unlisten(r.w.udp[0].l) })
	talk(t, c, "y", "y") // a session that runs goes on
	dialUDP(t, addr).Write([]byte("new"))
	time.Sleep(20 * time.Millisecond)
	if n := r.sessions(); n != 1 {
		t.Errorf("%d sessions, want no new one", n)
	}
	for end := time.Now().Add(3 * time.Second); r.sessions() > 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		r.on(r.w.CloseIdle)
	}
	if got := r.wantAccess(1); !strings.Contains(got, "UDP 200 received 2 sent 2") {
		t.Error(got)
	}
}
