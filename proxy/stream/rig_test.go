package stream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/vars"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// rig is layer 4 on one worker, without a gateway around it.
type rig struct {
	t       testing.TB
	srv     *Server
	w       *Worker
	store   *dao.Memory
	schemas entity.Options
	builder *snapshot.Builder
	fds     []int
	done    chan struct{}
	logs    string // path of the error log
	logger  *log.Logger

	mu     sync.Mutex
	access []string
}

// kv is a record in a test's words.
type kv = map[string]any

func newRig(t testing.TB, o Options, plugins ...*plugin.Plugin) *rig {
	t.Helper()
	r := &rig{t: t, done: make(chan struct{}), logs: t.TempDir() + "/error.log"}
	enabled := map[string]*plugin.Plugin{}
	for _, p := range plugins {
		enabled[p.Name] = p
	}
	var err error
	r.schemas = entity.Options{Plugin: func(name string) (*schema.Schema, bool) {
		p := enabled[name]
		if p == nil {
			return nil, false
		}
		return p.Config, true
	}}
	if r.store, err = dao.NewMemory(dao.Options{Schemas: entity.Schemas(r.schemas)}); err != nil {
		t.Fatal(err)
	}
	var files log.Files
	sink, err := files.Open(r.logs, log.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.logger = log.NewLogger(sink, log.Info)
	resolver, err := dns.New(dns.Options{})
	if err != nil {
		t.Fatal(err)
	}
	registry := health.NewRegistry(health.Options{})
	r.builder = &snapshot.Builder{Store: r.store, Plugins: enabled, Resolver: resolver, Health: registry, Warn: t.Logf}
	var snap *snapshot.Snapshot
	var once sync.Once
	r.srv = &Server{Options: o, Log: r.logger, Access: r, Resolver: resolver,
		Gateway: &pdk.Gateway{Store: r.store, Log: r.logger, WorkspaceName: "default", Workspace: dao.DefaultWorkspace},
		Snapshot: func() *snapshot.Snapshot {
			once.Do(func() {
				snap = r.builder.Build(nil, false)
				for _, p := range snap.Problems {
					t.Errorf("problem: %v", p)
				}
			})
			return snap
		}}
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &worker.Worker{Loop: l}
	r.w = r.srv.Attach(w)
	go func() {
		defer close(r.done)
		if err := l.Run(); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		r.on(func() { r.w.Close(); l.Stop() })
		<-r.done
		for _, fd := range r.fds {
			unix.Close(fd)
		}
		if snap != nil {
			snapshot.Retire(snap, nil)
		}
		registry.Close()
		resolver.Close()
		files.Close()
	})
	return r
}

// useExpressions changes to a store whose routes have expressions. Call it before any entity is there.
func (r *rig) useExpressions() {
	r.schemas.RouterFlavor = entity.Expressions
	store, err := dao.NewMemory(dao.Options{Schemas: entity.Schemas(r.schemas)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.on(func() { r.store, r.builder.Store, r.srv.Gateway.Store = store, store, store })
}

// on runs fn on the loop and waits.
func (r *rig) on(fn func()) {
	done := make(chan struct{})
	r.w.Loop.Post(func() { fn(); close(done) })
	<-done
}

func (r *rig) insert(kind string, rec kv) kv {
	r.t.Helper()
	for k, v := range rec {
		if n, ok := v.(int); ok {
			rec[k] = float64(n) // as JSON and YAML give numbers
		}
	}
	out, err := r.store.Entities(kind).Insert(context.Background(), rec, dao.WriteOptions{})
	if err != nil {
		r.t.Fatalf("%s: %v", kind, err)
	}
	return kv{"id": out["id"]}
}

// route makes a service and a route that takes everything of a protocol.
func (r *rig) route(protocol string, service kv, extra kv) kv {
	r.t.Helper()
	rec := kv{"protocols": []any{protocol}, "sources": []any{kv{"ip": "127.0.0.0/8"}}}
	for k, v := range extra {
		rec[k] = v
	}
	if service != nil {
		rec["service"] = r.insert("services", service)
	}
	return r.insert("routes", rec)
}

// listen opens a listener on the loopback and gives its address.
func (r *rig) listen(l Listener) string {
	r.t.Helper()
	at := netip.MustParseAddrPort("127.0.0.1:0")
	open := loop.Listen
	if l.UDP {
		open = loop.ListenUDP
	}
	fd, err := open(at, loop.ListenOptions{ReusePort: l.UDP})
	if err != nil {
		r.t.Fatal(err)
	}
	r.fds = append(r.fds, fd)
	l.FD, l.Addr = fd, loop.LocalAddr(fd)
	r.on(func() { err = r.w.Listen(&l) })
	if err != nil {
		r.t.Fatal(err)
	}
	return l.Addr.String()
}

// Write implements AccessLog.
func (r *rig) Write(k *pdk.Kong) {
	get := func(name string) string {
		b, _ := vars.Get(nil, k, name)
		return string(b)
	}
	line := fmt.Sprintf("%s %s %s received %s sent %s up %s/%s", get("remote_addr"), get("protocol"), get("status"),
		get("bytes_received"), get("bytes_sent"), get("upstream_bytes_sent"), get("upstream_bytes_received"))
	r.mu.Lock()
	r.access = append(r.access, line)
	r.mu.Unlock()
}

// wantAccess waits for n lines of the access log and gives the last.
func (r *rig) wantAccess(n int) string {
	r.t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		r.mu.Lock()
		lines := r.access
		r.mu.Unlock()
		if len(lines) >= n {
			return lines[len(lines)-1]
		}
	}
	r.t.Fatalf("no line %d in the access log, but %q; error log:\n%s", n, r.access, r.errorLog())
	return ""
}

func (r *rig) errorLog() string {
	r.logger.Flush()
	b, _ := os.ReadFile(r.logs)
	return string(b)
}

func (r *rig) sessions() (n int) {
	r.on(func() { n = r.w.Sessions() })
	return n
}

// quiet waits until no session is left.
func (r *rig) quiet() {
	r.t.Helper()
	for end := time.Now().Add(5 * time.Second); r.sessions() > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%d sessions are left", r.sessions())
		}
	}
}

// echo is an upstream that answers what it gets; it ends with its client.
func echo(t testing.TB, config *tls.Config) (host string, port int) {
	return serve(t, config, func(c net.Conn) { io.Copy(c, c) })
}

// serve is an upstream that runs fn for each connection, then closes it.
func serve(t testing.TB, config *tls.Config, fn func(net.Conn)) (host string, port int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := ln.Addr().(*net.TCPAddr)
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fn(c)
			}()
		}
	}()
	return "127.0.0.1", a.Port
}

// deadPort is one that nobody listens on.
func deadPort(t testing.TB) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// talk sends a text and wants one back.
func talk(t testing.TB, c net.Conn, say, want string) {
	t.Helper()
	if say != "" {
		if _, err := c.Write([]byte(say)); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, len(want))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}

// wantEnd wants the connection to end without more bytes.
func wantEnd(t testing.TB, c net.Conn) {
	t.Helper()
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Fatalf("read %q, %v; want the end", b, err)
	}
}

// certificate is a self-signed one for names.
func certificate(t testing.TB, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// openSockets counts the sockets of the process (Go's io.Copy keeps pipes of its own).
func openSockets(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	n := 0
	for _, e := range list {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
