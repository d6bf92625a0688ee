package stream

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"
)

// dialTLS shakes hands for a server name.
func dialTLS(t *testing.T, addr, name string) (*tls.Conn, error) {
	t.Helper()
	c := tls.Client(dial(t, addr), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	return c, c.Handshake()
}

func TestTLSTerminatedOrPassedOn(t *testing.T) {
	here, _ := certificate(t, "here.test")
	there, _ := certificate(t, "there.test")
	r := newRig(t, Options{})
	plainHost, plainPort := echo(t, nil)
	tlsHost, tlsPort := echo(t, &tls.Config{Certificates: []tls.Certificate{there}})
	r.route("tls", kv{"protocol": "tcp", "host": plainHost, "port": plainPort}, kv{"snis": []any{"a.test", "*.wild.test"}})
	r.route("tls_passthrough", kv{"protocol": "tcp", "host": tlsHost, "port": tlsPort}, kv{"snis": []any{"pass.test"}})
	addr := r.listen(Listener{TLS: &tls.Config{Certificates: []tls.Certificate{here}}})
	tests := map[string]struct{ served, access string }{
		"a.test":      {"here.test", "TCP 200 received 5 sent 5 up 5/5"},
		"x.wild.test": {"here.test", "TCP 200 received 5 sent 5 up 5/5"},
		"PASS.test":   {"there.test", "TCP 200"},
	}
	n := 0
	for name, tc := range tests {
		c, err := dialTLS(t, addr, name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != tc.served {
			t.Errorf("%s: certificate of %s, want %s", name, got, tc.served)
		}
		talk(t, c, "hello", "hello")
		c.Close()
		n++
		if got := r.wantAccess(n); !strings.Contains(got, tc.access) {
			t.Errorf("%s: access log %q, want %q", name, got, tc.access)
		}
	}
	_, err := dialTLS(t, addr, "none.test")
	if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("a name without a route: %v, want unrecognized_name", err)
	}
	c := dial(t, addr)
	c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	buf := make([]byte, 1)
	if n, err := c.Read(buf); n > 0 || err == nil {
		t.Errorf("no TLS at all: read %d, %v", n, err)
	}
	r.quiet()
}

// TestTLSHalfClose: the end of TLS goes through in both directions.
func TestTLSHalfClose(t *testing.T) {
	cert, _ := certificate(t, "a.test")
	r := newRig(t, Options{})
	host, port := serve(t, nil, func(c net.Conn) {
		b := make([]byte, 100)
		n := 0
		for {
			k, err := c.Read(b[n:])
			n += k
			if err != nil {
				break
			}
		}
		c.Write(append([]byte("got "), b[:n]...))
	})
	r.route("tls", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	addr := r.listen(Listener{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	c, err := dialTLS(t, addr, "a.test")
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("this"))
	c.CloseWrite()
	talk(t, c, "", "got this")
	wantEnd(t, c)
}

func TestTLSToTheService(t *testing.T) {
	cert, _ := certificate(t, "up.test")
	tests := map[string]struct {
		service kv
		ok      bool
	}{
		"not checked": {kv{}, true},
		"unknown CA":  {kv{"tls_verify": true}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			host, port := echo(t, &tls.Config{Certificates: []tls.Certificate{cert}})
			service := kv{"protocol": "tls", "host": host, "port": port, "retries": 0}
			for k, v := range tc.service {
				service[k] = v
			}
			r.route("tcp", service, nil)
			c := dial(t, r.listen(Listener{}))
			if !tc.ok {
				wantEnd(t, c)
				if got := r.wantAccess(1); !strings.Contains(got, "TCP 502") {
					t.Error(got)
				}
				return
			}
			talk(t, c, "hello", "hello")
		})
	}
}

// TestHandshakesThatEnd leave nothing.
func TestHandshakesThatEnd(t *testing.T) {
	cert, _ := certificate(t, "a.test")
	r := newRig(t, Options{HandshakeTimeout: 200e6})
	host, port := echo(t, nil)
	r.route("tls", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	addr := r.listen(Listener{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	before := openSockets(t)
	for range 5 {
		half := dial(t, addr)
		half.Write([]byte("\x16\x03\x01"))
		half.Close()
		c := dial(t, addr) // never goes on after the ServerHello
		go tls.Client(deaf{c}, &tls.Config{ServerName: "a.test", InsecureSkipVerify: true}).Handshake()
	}
	time.Sleep(400 * time.Millisecond)
	r.quiet()
	for end := time.Now().Add(2 * time.Second); openSockets(t) > before+5 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := openSockets(t); n > before+5 { // the test's own ends of the deaf ones
		t.Errorf("%d sockets before, %d after", before, n)
	}
}

// deaf is a connection that never hears.
type deaf struct{ net.Conn }

func (d deaf) Read([]byte) (int, error) { select {} }
