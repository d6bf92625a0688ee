package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	// The binary under test is built from it: without this line go test would show an old result after a change there.
	_ "github.com/gibbon-gateway/gibbon/gateway"
	"github.com/gibbon-gateway/gibbon/test/process"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if binary, err = process.Build(dir, "github.com/gibbon-gateway/gibbon/cmd/gibbon"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// gibbon is a started gateway.
type gibbon struct {
	*process.Process
	addr   string // plain HTTP
	conf   string // path of kong.yml
	prefix string
}

// start runs a gateway with a kong.yml and more settings until the test ends. ADDR in a setting is the plain HTTP address.
func start(t *testing.T, conf string, env ...string) *gibbon {
	t.Helper()
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	return startAt(t, process.Loopback(ports.Take()), conf, env...)
}

// startAt is start with the address to listen on.
func startAt(t *testing.T, addr, conf string, env ...string) *gibbon {
	t.Helper()
	dir := t.TempDir()
	lua, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	g := &gibbon{addr: addr, conf: filepath.Join(dir, "kong.yml"), prefix: filepath.Join(dir, "prefix")}
	g.configure(t, conf)
	for i := range env {
		env[i] = strings.ReplaceAll(env[i], "ADDR", g.addr)
	}
	env = append([]string{
		"KONG_DATABASE=off", "KONG_DECLARATIVE_CONFIG=" + g.conf, "KONG_PLUGINS=bundled,runaway", "KONG_PREFIX=" + g.prefix,
		"KONG_LUA_PACKAGE_PATH=" + lua + "/?.lua;;", "KONG_PROXY_LISTEN=" + g.addr, "KONG_ADMIN_LISTEN=off", "KONG_ADMIN_GUI_LISTEN=off",
		"KONG_STATUS_LISTEN=off", "KONG_STREAM_LISTEN=off", "KONG_NGINX_DAEMON=off", "KONG_NGINX_WORKER_PROCESSES=2", "KONG_PROXY_ACCESS_LOG=off",
	}, env...)
	if g.Process, err = process.Start(dir, env, binary, "start"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Stop()
		if t.Failed() {
			t.Logf("gateway: %s\n%s", g.Output(), g.log())
		}
	})
	if err := g.Listening(g.addr, 20*time.Second); err != nil {
		t.Fatalf("the gateway %v\n%s", err, g.log())
	}
	return g
}

// configure replaces kong.yml in one move.
func (g *gibbon) configure(t *testing.T, conf string) {
	t.Helper()
	if err := os.WriteFile(g.conf+".new", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(g.conf+".new", g.conf); err != nil {
		t.Fatal(err)
	}
}

func (g *gibbon) log() string {
	b, _ := os.ReadFile(filepath.Join(g.prefix, "logs", "error.log"))
	return string(b)
}

// everythingTo is a kong.yml that sends all requests to one address, with more lines for the route.
func everythingTo(upstream string, more ...string) string {
	return fmt.Sprintf("_format_version: \"3.0\"\nservices:\n- name: s\n  url: http://%s\n  retries: 5\n  routes:\n  - name: r\n    paths: [/]\n    preserve_host: true\n",
		upstream) + strings.Join(more, "\n")
}

// upstream is an HTTP server of net/http.
func upstream(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// rawUpstream serves each connection with a function.
func rawUpstream(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
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
				c.SetDeadline(time.Now().Add(20 * time.Second))
				serve(c)
			}()
		}
	}()
	return ln.Addr().String()
}
