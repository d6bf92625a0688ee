package stream

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	limit "github.com/gibbon-gateway/gibbon/plugins/stream-bandwidth-limit"
)

var _ = limit.Config{} // registers the plugin

// probe is a plugin whose handlers are functions of a test.
type probe struct {
	mu      sync.Mutex
	seen    []string
	preread func(k *pdk.Kong) error
	log     func(k *pdk.Kong)
	// certificate decides about the handshake.
	certificate func(h *pdk.Handshake)
}

func (p *probe) note(format string, args ...any) {
	p.mu.Lock()
	p.seen = append(p.seen, fmt.Sprintf(format, args...))
	p.mu.Unlock()
}

// list is what was seen so far.
func (p *probe) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

func (p *probe) Certificate(k *pdk.Kong) error {
	p.note("certificate %s", k.Handshake.ServerName)
	if p.certificate != nil {
		p.certificate(k.Handshake)
	}
	return nil
}

func (p *probe) Preread(k *pdk.Kong) error {
	p.note("preread %s", k.Stream.Protocol)
	if p.preread != nil {
		return p.preread(k)
	}
	return nil
}

func (p *probe) Log(k *pdk.Kong) error {
	p.note("log %d", k.X.Status)
	if p.log != nil {
		p.log(k)
	}
	return nil
}

func last(p *probe) string { l := p.list(); return l[len(l)-1] }

// declare makes a plugin of p, whose preread may block unless inline is set.
func declare(p *probe, inline bool) *plugin.Plugin {
	d := &plugin.Plugin{Name: "probe", Version: "1.0.0", Priority: 10, Phases: phase.Certificate | phase.Preread | phase.Log,
		Config: &schema.Schema{Name: "probe", Fields: []schema.Field{schema.Protocols, {Name: "config", Type: schema.Record}}},
		New:    func(map[string]any) (plugin.Handler, error) { return p, nil }}
	if inline {
		d.Inline = phase.Preread | phase.Certificate
	}
	return d
}

var everyProtocol = []any{"tcp", "tls", "tls_passthrough", "udp"}

// rigWith has the probe as a global plugin and an echo behind a TCP route.
func rigWith(t *testing.T, p *probe, inline bool) (*rig, string) {
	r := newRig(t, Options{}, declare(p, inline))
	host, port := echo(t, nil)
	r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	r.insert("plugins", kv{"name": "probe", "protocols": everyProtocol})
	return r, r.listen(Listener{})
}

func TestPhases(t *testing.T) {
	cert, _ := certificate(t, "a.test")
	for _, inline := range []bool{true, false} {
		p := &probe{}
		r := newRig(t, Options{}, declare(p, inline))
		host, port := echo(t, nil)
		r.route("tls", kv{"protocol": "tcp", "host": host, "port": port}, nil)
		r.insert("plugins", kv{"name": "probe", "protocols": everyProtocol})
		c, err := dialTLS(t, r.listen(Listener{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}), "a.test")
		if err != nil {
			t.Fatal(err)
		}
		talk(t, c, "hello", "hello")
		c.Close()
		r.wantAccess(1)
		if want := []string{"certificate a.test", "preread TCP", "log 200"}; !slices.Equal(p.list(), want) {
			t.Errorf("inline %v: %q, want %q", inline, p.list(), want)
		}
	}
}

// TestCertificateHandler serves another certificate and asks for the client's.
func TestCertificateHandler(t *testing.T) {
	static, _ := certificate(t, "static.test")
	chosen, _ := certificate(t, "chosen.test")
	mine, authorities := certificate(t, "client.test")
	p := &probe{certificate: func(h *pdk.Handshake) {
		h.Certificates = append(h.Certificates, chosen)
		h.RequestCertificate, h.Authorities = true, authorities
	}}
	verified := ""
	p.log = func(k *pdk.Kong) { verified = k.X.Flow.ClientVerify }
	r := newRig(t, Options{}, declare(p, true))
	host, port := echo(t, nil)
	r.route("tls", kv{"protocol": "tcp", "host": host, "port": port}, nil)
	r.insert("plugins", kv{"name": "probe", "protocols": everyProtocol})
	addr := r.listen(Listener{TLS: &tls.Config{Certificates: []tls.Certificate{static}}})
	c := tls.Client(dial(t, addr), &tls.Config{ServerName: "a.test", InsecureSkipVerify: true, Certificates: []tls.Certificate{mine}})
	talk(t, c, "hello", "hello")
	if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != "chosen.test" {
		t.Errorf("certificate of %s", got)
	}
	c.Close()
	r.wantAccess(1)
	if verified != "SUCCESS" {
		t.Errorf("the client's certificate: %q", verified)
	}
}

func TestExitAndErrorInPreread(t *testing.T) {
	tests := map[string]struct {
		preread func(k *pdk.Kong) error
		client  string
		status  int
		log     string
	}{
		"200 with a body": {func(k *pdk.Kong) error { return k.Response.Exit(200, "bye\n") }, "bye\n", 200, ""},
		"403":             {func(k *pdk.Kong) error { return k.Response.Exit(403, nil) }, "", 403, ""},
		"400 with a body": {func(k *pdk.Kong) error { return k.Response.Exit(400, "bad") }, "bad", 400, ""},
		"503 with a body": {func(k *pdk.Kong) error { return k.Response.Exit(503, "later") }, "", 503, "later"},
		"unknown status":  {func(k *pdk.Kong) error { return k.Response.Exit(404, nil) }, "", 500, "must be one of 200"},
		"an error":        {func(k *pdk.Kong) error { return errors.New("it broke") }, "", 500, "it broke"},
		"a panic":         {func(k *pdk.Kong) error { panic("it panicked") }, "", 500, "it panicked"},
	}
	for name, tc := range tests {
		for _, inline := range []bool{true, false} {
			t.Run(fmt.Sprint(name, inline), func(t *testing.T) {
				p := &probe{preread: tc.preread}
				r, addr := rigWith(t, p, inline)
				c := dial(t, addr)
				c.Write([]byte("data that nobody reads"))
				got, err := io.ReadAll(c)
				if string(got) != tc.client || tc.client != "" && err != nil {
					t.Errorf("read %q, %v; want %q", got, err, tc.client)
				}
				r.wantAccess(1)
				if want := fmt.Sprintf("log %d", tc.status); last(p) != want {
					t.Errorf("%q, want %q last", p.list(), want)
				}
				if log := r.errorLog(); !strings.Contains(log, tc.log) {
					t.Errorf("no %q in the error log:\n%s", tc.log, log)
				}
			})
		}
	}
}

func TestExitOverUDP(t *testing.T) {
	p := &probe{preread: func(k *pdk.Kong) error { return k.Response.Exit(403, "go away") }}
	r := newRig(t, Options{}, declare(p, true))
	r.route("udp", nil, nil)
	r.insert("plugins", kv{"name": "probe", "protocols": everyProtocol})
	c := dialUDP(t, r.listen(Listener{UDP: true}))
	talk(t, c, "x", "go away")
	if got := r.wantAccess(1); !strings.Contains(got, "UDP 403 received 1 sent 7") {
		t.Error(got)
	}
}

func TestSerialize(t *testing.T) {
	got := make(chan map[string]any, 1)
	p := &probe{log: func(k *pdk.Kong) {
		entry, err := k.Log.Serialize()
		if err != nil {
			t.Error(err)
		}
		got <- entry
	}}
	_, addr := rigWith(t, p, true)
	c := dial(t, addr)
	talk(t, c, "hello", "hello")
	c.Close()
	e := <-got
	session, _ := e["session"].(map[string]any)
	tries, _ := e["tries"].([]any)
	route, _ := e["route"].(map[string]any)
	if session["received"] != 5.0 || session["sent"] != 5.0 || session["status"] != 200.0 || session["server_port"] == nil ||
		e["client_ip"] != "127.0.0.1" || len(tries) != 1 || route["id"] == nil || e["service"] == nil {
		t.Errorf("%v", e)
	}
}

func TestPrereadSocket(t *testing.T) {
	peek := func(k *pdk.Kong, n int) (string, error) {
		back := make(chan error, 1)
		for {
			k.Worker.Loop.Post(func() {
				if len(k.Stream.Client.Buffered()) >= n {
					back <- nil
					return
				}
				k.Stream.Client.Await(time.Second, func(err error) { back <- err })
			})
			if err := <-back; err != nil {
				return "", err
			}
			if b := k.Stream.Client.Buffered(); len(b) >= n {
				return string(b[:n]), nil
			}
		}
	}
	t.Run("peek", func(t *testing.T) {
		p := &probe{}
		p.preread = func(k *pdk.Kong) error {
			s, err := peek(k, 5)
			p.note("peek %s %v", s, err)
			return nil
		}
		r, addr := rigWith(t, p, false)
		c := dial(t, addr)
		c.Write([]byte("hel"))
		time.Sleep(20 * time.Millisecond)
		talk(t, c, "lo world", "hello world")
		c.CloseWrite()
		wantEnd(t, c)
		if got := r.wantAccess(1); !strings.HasSuffix(got, "received 11 sent 11 up 11/11") {
			t.Error(got)
		}
		if p.list()[1] != "peek hello <nil>" {
			t.Errorf("%q", p.list())
		}
	})
	t.Run("the client ends", func(t *testing.T) {
		p := &probe{}
		p.preread = func(k *pdk.Kong) error { _, err := peek(k, 50); p.note("%v", err); return nil }
		_, addr := rigWith(t, p, false)
		c := dial(t, addr)
		c.Write([]byte("short"))
		c.CloseWrite()
		talk(t, c, "", "short")
		wantEnd(t, c)
		if p.list()[1] != "EOF" {
			t.Errorf("%q", p.list())
		}
	})
	t.Run("too much", func(t *testing.T) {
		p := &probe{}
		p.preread = func(k *pdk.Kong) error { _, err := peek(k, 1<<20); p.note("%v", err); return nil }
		_, addr := rigWith(t, p, false)
		c := dial(t, addr)
		say := strings.Repeat("x", 100<<10)
		go c.Write([]byte(say))
		talk(t, c, "", say)
		if p.list()[1] != pdk.ErrStreamFull.Error() {
			t.Errorf("%q", p.list())
		}
	})
	t.Run("nothing comes", func(t *testing.T) {
		p := &probe{}
		p.preread = func(k *pdk.Kong) error {
			back := make(chan error, 1)
			k.Worker.Loop.Post(func() { k.Stream.Client.Await(30*time.Millisecond, func(err error) { back <- err }) })
			p.note("%v", <-back)
			return nil
		}
		_, addr := rigWith(t, p, false)
		c := dial(t, addr)
		time.Sleep(60 * time.Millisecond)
		talk(t, c, "x", "x")
		if p.list()[1] != "timeout" {
			t.Errorf("%q", p.list())
		}
	})
	t.Run("take", func(t *testing.T) {
		p := &probe{}
		p.preread = func(k *pdk.Kong) error {
			s, _ := peek(k, 2)
			done := make(chan bool)
			k.Worker.Loop.Post(func() { k.Stream.Client.Take(2); k.Stream.Client.Send([]byte("took " + s)); close(done) })
			<-done
			return nil
		}
		r, addr := rigWith(t, p, false)
		c := dial(t, addr)
		talk(t, c, "hello", "took he")
		c.Write([]byte("more"))
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := c.Read(make([]byte, 10)); n > 0 || err == io.EOF {
			t.Errorf("read %d, %v: the session is the plugin's", n, err)
		}
		c.Close()
		if got := r.wantAccess(1); !strings.Contains(got, "TCP 200") || !strings.Contains(got, "up 0/0") {
			t.Error(got)
		}
	})
}

// upper is a filter.
type upper struct{ seen *probe }

func (u upper) Bytes(d pdk.Direction, p []byte) ([]byte, error) {
	if bytes.Contains(p, []byte("fail")) {
		return nil, errors.New("a bad word")
	}
	if d == pdk.Upload {
		return bytes.ToUpper(p), nil
	}
	return append([]byte(">"), p...), nil
}

func TestFilter(t *testing.T) {
	p := &probe{}
	p.preread = func(k *pdk.Kong) error { k.Stream.Filter(upper{p}); return nil }
	t.Run("TCP", func(t *testing.T) {
		r, addr := rigWith(t, p, true)
		c := dial(t, addr)
		talk(t, c, "hello", ">HELLO")
		c.Write([]byte("fail"))
		io.ReadAll(c)
		if got := r.wantAccess(1); !strings.Contains(got, "received 9 sent 6 up 5/5") {
			t.Error(got)
		}
	})
	t.Run("UDP", func(t *testing.T) {
		r := newRig(t, Options{}, declare(p, true))
		host, port := echoUDP(t)
		r.route("udp", kv{"protocol": "udp", "host": host, "port": port}, nil)
		r.insert("plugins", kv{"name": "probe", "protocols": everyProtocol})
		c := dialUDP(t, r.listen(Listener{UDP: true}))
		talk(t, c, "hello", ">HELLO")
	})
}

// TestBandwidthLimit: both directions take the time that the limit asks for.
func TestBandwidthLimit(t *testing.T) {
	d, _ := plugin.Bundled("stream-bandwidth-limit")
	for _, way := range []string{"upload", "download"} {
		t.Run(way, func(t *testing.T) {
			r := newRig(t, Options{}, d)
			host, port := serve(t, nil, func(c net.Conn) {
				if way == "download" {
					c.Write(make([]byte, 3<<20))
					return
				}
				io.Copy(io.Discard, c)
			})
			r.route("tcp", kv{"protocol": "tcp", "host": host, "port": port}, nil)
			r.insert("plugins", kv{"name": "stream-bandwidth-limit", "config": kv{way: float64(5 << 20), "burst": float64(1 << 19)}})
			c := dial(t, r.listen(Listener{}))
			begin := time.Now()
			if way == "upload" {
				c.Write(make([]byte, 3<<20))
				c.CloseWrite()
			}
			n, err := io.Copy(io.Discard, c)
			took := time.Since(begin)
			if err != nil || way == "download" && n != 3<<20 {
				t.Fatalf("%d bytes, %v", n, err)
			}
			if took < 450*time.Millisecond || took > 900*time.Millisecond { // (3 MB - burst) / 5 MB/s
				t.Errorf("took %v, want half a second", took)
			}
			c.Close()
			r.wantAccess(1)
		})
	}
}

// TestDisableTLS reaches a service that wants TLS in the clear, as kong.service.request.disable_tls asks.
func TestDisableTLS(t *testing.T) {
	p := &probe{preread: func(k *pdk.Kong) error { k.Balance.NoTLS = true; return nil }}
	r := newRig(t, Options{}, declare(p, true))
	host, port := echo(t, nil)
	r.route("tcp", kv{"protocol": "tls", "host": host, "port": port}, nil)
	r.insert("plugins", kv{"name": "probe", "protocols": everyProtocol})
	c := dial(t, r.listen(Listener{}))
	talk(t, c, "hello", "hello")
}
