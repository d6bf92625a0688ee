package stream

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var loopback = netip.MustParsePrefix("127.0.0.0/8")

func TestTCP(t *testing.T) {
	r := newRig(t, Options{})
	host, port := echo(t, nil)
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	addr := r.listen(Listener{})
	c := dial(t, addr)
	talk(t, c, "hello", "hello")
	talk(t, c, "again and again", "again and again")
	c.Close()
	if got, want := r.wantAccess(1), "127.0.0.1 TCP 200 received 20 sent 20 up 20/20"; got != want {
		t.Errorf("access log %q, want %q", got, want)
	}
}

func TestHalfClose(t *testing.T) {
	r := newRig(t, Options{})
	host, port := serve(t, nil, func(c net.Conn) {
		b, _ := io.ReadAll(c)
		fmt.Fprintf(c, "got %d", len(b))
	})
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	c := dial(t, r.listen(Listener{}))
	c.Write([]byte("12345"))
	c.CloseWrite()
	talk(t, c, "", "got 5")
	wantEnd(t, c)
	r.wantAccess(1)
}

// TestUpstreamSpeaksFirst: nothing of the client is needed to begin.
func TestUpstreamSpeaksFirst(t *testing.T) {
	r := newRig(t, Options{})
	host, port := serve(t, nil, func(c net.Conn) { c.Write([]byte("220 ready\r\n")) })
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	c := dial(t, r.listen(Listener{}))
	talk(t, c, "", "220 ready\r\n")
	wantEnd(t, c)
}

// TestBulk sends much both ways at once: it goes by splice, and arrives whole.
func TestBulk(t *testing.T) {
	size := int64(100 << 20)
	if testing.Short() {
		size = 8 << 20
	}
	serverCert, _ := certificate(t, "up.test")
	tests := map[string]struct {
		listenTLS, upTLS bool
	}{"plain": {}, "TLS here": {listenTLS: true}, "TLS to the service": {upTLS: true}}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			var upConfig *tls.Config
			protocol, listener := "tcp", Listener{}
			service := kv{"protocol": "tcp"}
			if tc.upTLS {
				upConfig = &tls.Config{Certificates: []tls.Certificate{serverCert}}
				service["protocol"] = "tls"
			}
			if tc.listenTLS {
				protocol = "tls"
				listener.TLS = &tls.Config{Certificates: []tls.Certificate{serverCert}}
			}
			service["host"], service["port"] = echo(t, upConfig)
			r.route(protocol, service, nil)
			var c net.Conn = dial(t, r.listen(listener))
			if tc.listenTLS {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			out, in := sha256.New(), sha256.New()
			go func() {
				src := io.TeeReader(io.LimitReader(rand.New(rand.NewSource(1)), size), out)
				io.CopyBuffer(struct{ io.Writer }{c}, src, make([]byte, 128<<10))
				c.(interface{ CloseWrite() error }).CloseWrite()
			}()
			n, err := io.Copy(in, c)
			if err != nil || n != size || string(in.Sum(nil)) != string(out.Sum(nil)) {
				t.Fatalf("%d of %d bytes came back (%v), or others", n, size, err)
			}
			c.Close()
			want := fmt.Sprintf("200 received %d sent %d up %d/%d", size, size, size, size)
			if got := r.wantAccess(1); !strings.HasSuffix(got, want) {
				t.Errorf("access log %q, want %q", got, want)
			}
		})
	}
}

// TestSlowReader: what the client does not take stays where it is.
func TestSlowReader(t *testing.T) {
	r := newRig(t, Options{})
	const size = 32 << 20
	host, port := serve(t, nil, func(c net.Conn) { c.Write(make([]byte, size)) })
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	c := dial(t, r.listen(Listener{}))
	time.Sleep(200 * time.Millisecond)
	if n, err := io.Copy(io.Discard, c); n != size || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

func TestRefusals(t *testing.T) {
	dead := deadPort(t)
	tests := map[string]struct {
		service kv
		route   kv
		status  string
		log     string // in the error log
		times   int
	}{
		"dead upstream":     {service: kv{"protocol": "tcp", "host": "127.0.0.1", "port": dead, "retries": 2}, status: "502", log: "connect() failed: connection refused", times: 3},
		"no retries":        {service: kv{"protocol": "tcp", "host": "127.0.0.1", "port": dead, "retries": 0}, status: "502", log: "connect() failed", times: 1},
		"no route":          {route: kv{"sources": []any{kv{"ip": "10.0.0.0/8"}}}, status: "500", log: "no route matches", times: 1},
		"no service":        {status: "503", log: "the route has no service", times: 1},
		"no TLS upstream":   {service: kv{"protocol": "tls", "host": "127.0.0.1", "port": dead, "retries": 0}, status: "502", log: "connect() failed", times: 1},
		"unresolvable name": {service: kv{"protocol": "tcp", "host": "no-such-name.invalid", "port": 1}, status: "50", log: "choosing an upstream", times: 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.route("tcp", tc.service, tc.route)
			c := dial(t, r.listen(Listener{}))
			wantEnd(t, c)
			if got := r.wantAccess(1); !strings.Contains(got, "TCP "+tc.status) {
				t.Errorf("access log %q, want status %s", got, tc.status)
			}
			if got := r.errorLog(); strings.Count(got, tc.log) != tc.times {
				t.Errorf("%q is not %d times in\n%s", tc.log, tc.times, got)
			}
		})
	}
}

func TestRetryReachesALivingTarget(t *testing.T) {
	r := newRig(t, Options{})
	host, port := echo(t, nil)
	u := r.insert("upstreams", kv{"name": "pool"})
	for range 3 {
		r.insert("targets", kv{"upstream": u, "target": fmt.Sprintf("127.0.0.1:%d", deadPort(t))})
	}
	r.insert("targets", kv{"upstream": u, "target": fmt.Sprintf("%s:%d", host, port)})
	r.route("tcp", kv{"protocol": "tcp", "host": "pool", "port": 1, "retries": 3}, nil)
	addr := r.listen(Listener{})
	for range 8 {
		c := dial(t, addr)
		talk(t, c, "x", "x")
		c.Close()
	}
}

func TestTimeouts(t *testing.T) {
	silent := func(c net.Conn) { time.Sleep(3 * time.Second) }
	t.Run("read", func(t *testing.T) {
		r := newRig(t, Options{})
		host, port := serve(t, nil, silent)
		r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port, "read_timeout": 100}, nil)
		c := dial(t, r.listen(Listener{}))
		begin := time.Now()
		wantEnd(t, c)
		if d := time.Since(begin); d < 90*time.Millisecond || d > time.Second {
			t.Errorf("ended after %v", d)
		}
		if got := r.wantAccess(1); !strings.Contains(got, "TCP 200") {
			t.Error(got)
		}
	})
	t.Run("connect", func(t *testing.T) {
		// A full accept queue leaves further connects without an answer.
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		unix.Listen(fd, 0)
		sa, _ := unix.Getsockname(fd)
		port := sa.(*unix.SockaddrInet4).Port
		for range 4 {
			c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 100*time.Millisecond)
			if err == nil {
				defer c.Close()
			}
		}
		r := newRig(t, Options{})
		r.route("tcp", kv{"protocol": "tcp", "host": "127.0.0.1", "port": port, "connect_timeout": 100, "retries": 1}, nil)
		c := dial(t, r.listen(Listener{}))
		wantEnd(t, c)
		if got := r.wantAccess(1); !strings.Contains(got, "TCP 502") {
			t.Error(got)
		}
	})
	t.Run("ClientHello", func(t *testing.T) {
		r := newRig(t, Options{PrereadTimeout: 50e6})
		cert, _ := certificate(t, "a.test")
		r.route("tls", nil, nil)
		c := dial(t, r.listen(Listener{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}))
		wantEnd(t, c)
		r.quiet()
	})
}

// TestReset: a side that fails must not look like one that is done.
func TestReset(t *testing.T) {
	r := newRig(t, Options{})
	host, port := serve(t, nil, func(c net.Conn) {
		c.Write([]byte("half"))
		time.Sleep(20 * time.Millisecond)
		c.(*net.TCPConn).SetLinger(0)
	})
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	c := dial(t, r.listen(Listener{}))
	c.Write([]byte("x"))
	if b, err := io.ReadAll(c); err == nil || string(b) != "half" {
		t.Errorf("read %q and %v, want a reset", b, err)
	}
	r.quiet()
}

func TestProxyProtocol(t *testing.T) {
	tests := map[string]struct {
		trusted  bool
		head     string
		client   string
		answered bool
	}{
		"trusted":     {true, "PROXY TCP4 10.1.2.3 10.0.0.1 1000 2000\r\n", "10.1.2.3", true},
		"not trusted": {false, "PROXY TCP4 10.1.2.3 10.0.0.1 1000 2000\r\n", "127.0.0.1", true},
		"broken":      {true, "GET / HTTP/1.1\r\n\r\n", "", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := Options{}
			if tc.trusted {
				o.Trusted = append(o.Trusted, loopback)
			}
			r := newRig(t, o)
			host, port := echo(t, nil)
			r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, kv{"sources": []any{kv{"ip": "0.0.0.0/0"}}})
			c := dial(t, r.listen(Listener{ProxyProtocol: true}))
			for _, b := range []byte(tc.head) {
				c.Write([]byte{b})
			}
			if !tc.answered {
				if b, _ := io.ReadAll(c); len(b) > 0 {
					t.Errorf("answered %q", b)
				}
				return
			}
			talk(t, c, "hello", "hello")
			c.Close()
			if got := r.wantAccess(1); !strings.HasPrefix(got, tc.client+" TCP 200 received 5") {
				t.Errorf("access log %q, want client %s", got, tc.client)
			}
		})
	}
}

// TestNothingLeaks: sessions of every fate leave no socket behind.
func TestNothingLeaks(t *testing.T) {
	r := newRig(t, Options{})
	host, port := echo(t, nil)
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	addr := r.listen(Listener{})
	round := func() {
		for i := range 50 {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			switch i % 3 {
			case 0:
				talk(t, c, "x", "x")
			case 1:
				c.(*net.TCPConn).SetLinger(0)
			}
			c.Close()
		}
		r.quiet()
	}
	round()
	before := openSockets(t)
	round()
	after := openSockets(t)
	for end := time.Now().Add(2 * time.Second); after > before && time.Now().Before(end); after = openSockets(t) {
		time.Sleep(10 * time.Millisecond) // the upstream's side closes by and by
	}
	if after > before {
		t.Errorf("%d sockets, then %d", before, after)
	}
}

func TestCloseEndsSessionsInOrder(t *testing.T) {
	r := newRig(t, Options{})
	host, port := echo(t, nil)
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	addr := r.listen(Listener{})
	var conns []*net.TCPConn
	for range 20 {
		c := dial(t, addr)
		talk(t, c, "x", "x")
		conns = append(conns, c)
	}
	r.on(r.w.Close)
	for _, c := range conns {
		wantEnd(t, c)
	}
	r.wantAccess(20)
}
