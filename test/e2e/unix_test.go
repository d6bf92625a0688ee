package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUnixListeners reaches the gateway over unix sockets: HTTP/1.1, HTTP/2
// over TLS, and a stream; their files go with the gateway.
func TestUnixListeners(t *testing.T) {
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "for=%s real=%s port=%q", r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Real-IP"), r.Header["X-Forwarded-Port"])
	}))
	dir, err := os.MkdirTemp("", "gibbon-unix") // t.TempDir is too long for a socket's address
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	plain, secure, raw := filepath.Join(dir, "p"), filepath.Join(dir, "t"), filepath.Join(dir, "s")
	conf := fmt.Sprintf(`_format_version: "3.0"
services:
- name: http
  url: http://%[1]s
  routes: [{name: http, paths: [/]}]
- name: tcp
  url: tcp://%[1]s
  routes: [{name: tcp, protocols: [tcp], destinations: [{port: 0}]}]
`, up)
	g := start(t, conf, fmt.Sprintf("KONG_STREAM_LISTEN=unix:%s", raw), "KONG_TRUSTED_IPS=unix:", fmt.Sprintf("KONG_PROXY_LISTEN=ADDR, unix:%s, unix:%s ssl http2", plain, secure))
	get := func(path, url string) (*http.Response, string) {
		t.Helper()
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			}}}
		defer client.CloseIdleConnections()
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	for _, c := range []struct {
		path, url, protocol, want string
	}{
		{plain, "http://a.test/", "HTTP/1.1", `for=unix: real=unix: port=[]`},
		{secure, "https://a.test/", "HTTP/2.0", `for=unix: real=unix: port=[]`},
		{raw, "http://a.test/", "HTTP/1.1", `for= real= port=[]`},
	} {
		res, body := get(c.path, c.url)
		if res.StatusCode != 200 || res.Proto != c.protocol || body != c.want {
			t.Errorf("%s: %s %d %s", filepath.Base(c.path), res.Proto, res.StatusCode, body)
		}
	}
	// Another gateway that wants the same sockets does not start, and leaves them alone.
	other := &exec.Cmd{Path: binary, Args: []string{binary, "start"}, Env: append(os.Environ(), "KONG_DATABASE=off", "KONG_DECLARATIVE_CONFIG="+g.conf, "KONG_PREFIX="+t.TempDir(),
		"KONG_PROXY_LISTEN=127.0.0.1:0, unix:"+plain, "KONG_STREAM_LISTEN=unix:"+raw, "KONG_ADMIN_LISTEN=off", "KONG_STATUS_LISTEN=off", "KONG_ADMIN_GUI_LISTEN=off", "KONG_NGINX_DAEMON=off")}
	if out, err := other.CombinedOutput(); err == nil || !strings.Contains(string(out), "another process listens there") {
		t.Errorf("a second gateway: %v, %s", err, out)
	}
	if res, _ := get(plain, "http://a.test/"); res.StatusCode != 200 {
		t.Errorf("after it: %d", res.StatusCode)
	}
	if err := g.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there: %s", strings.TrimSpace(fmt.Sprint(left)))
		}
	}
}
