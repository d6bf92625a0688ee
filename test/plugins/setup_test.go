package plugins

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	// The binary under test is built from it: without this line go test would show an old result after a change there.
	_ "github.com/gibbon-gateway/gibbon/gateway"
	"github.com/gibbon-gateway/gibbon/test/process"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "plugins")
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

// site is a gateway and the servers around it.
type site struct {
	t      *testing.T
	url    string // of the gateway, plain
	secure string // host:port with TLS
	logAt  string
	idp    *idp
	logs   *collector // of HTTP
	lines  *lines     // of TCP
}

// open starts everything; the routes are /NAME/..., each with the plugin of that name and its configuration.
func open(t *testing.T, configs map[string]string, more string, settings ...string) *site {
	t.Helper()
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	dir := t.TempDir()
	s := &site{t: t, idp: newIDP(t), logs: newCollector(t), lines: newLines(t)}
	stable, canary := echoServer(t, "stable"), echoServer(t, "canary")
	redisPort := ports.Take()
	startRedis(t, dir, redisPort)
	proxy, secure := process.Loopback(ports.Take()), process.Loopback(ports.Take())
	s.url, s.secure = "http://"+proxy, secure

	fill := strings.NewReplacer("$IDP", s.idp.URL, "$COLLECTOR", s.logs.URL, "$LINES", s.lines.port(), "$REDIS", fmt.Sprint(redisPort),
		"$CANARY_HOST", "127.0.0.1", "$CANARY_PORT", canary[strings.LastIndex(canary, ":")+1:], "$STABLE", stable, "$CANARY", canary)
	var conf, names strings.Builder
	fmt.Fprintf(&conf, "_format_version: \"3.0\"\nservices:\n- name: echo\n  url: %s\n  retries: 0\n  routes:\n", stable)
	for name, config := range configs {
		fmt.Fprintf(&names, ",%s", name)
		if strings.HasPrefix(config, "global") {
			fmt.Fprintf(&conf, "  - {name: %s, paths: [/%s], strip_path: true}\n", name, name)
			continue
		}
		fmt.Fprintf(&conf, "  - name: %s\n    paths: [/%s]\n    strip_path: true\n    plugins:\n    - name: %s\n      config: %s\n", name, name, name, fill.Replace(config))
	}
	conf.WriteString(fill.Replace(more))
	if err := os.WriteFile(filepath.Join(dir, "kong.yml"), []byte(conf.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	here, _ := filepath.Abs(".")
	prefix := filepath.Join(dir, "prefix")
	s.logAt = filepath.Join(prefix, "logs", "error.log")
	env := []string{
		"KONG_DATABASE=off", "KONG_DECLARATIVE_CONFIG=" + filepath.Join(dir, "kong.yml"), "KONG_PLUGINS=bundled" + names.String(), "KONG_PREFIX=" + prefix,
		"KONG_LUA_PACKAGE_PATH=" + here + "/?.lua;" + here + "/?/init.lua;;", "KONG_PROXY_LISTEN=" + proxy + ", " + secure + " ssl", "KONG_ADMIN_LISTEN=off",
		"KONG_ADMIN_GUI_LISTEN=off", "KONG_STATUS_LISTEN=off", "KONG_NGINX_DAEMON=off", "KONG_NGINX_WORKER_PROCESSES=1", "KONG_PROXY_ACCESS_LOG=off",
		"KONG_NGINX_HTTP_LUA_SHARED_DICT=prometheus_metrics 5m; lua_shared_dict sessions 5m; lua_shared_dict discovery 1m; lua_shared_dict jwks 1m; lua_shared_dict introspection 5m; lua_shared_dict jwt_verification 5m", "KONG_LOG_LEVEL=info", "KONG_UNTRUSTED_LUA=sandbox", "KONG_TRUSTED_IPS=127.0.0.1", "IDIOMS_SECRET=from env", "KONG_ANONYMOUS_REPORTS=off",
	}
	g, err := process.Start(dir, append(env, settings...), binary, "start")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Stop()
		if t.Failed() {
			t.Logf("gateway: %s\n%s", g.Output(), s.log())
		}
	})
	if err := g.Listening(proxy, 20*time.Second); err != nil {
		t.Fatalf("the gateway %v\n%s\n%s", err, g.Output(), s.log())
	}
	return s
}

func (s *site) log() string {
	b, _ := os.ReadFile(s.logAt)
	return string(b)
}

// answer is a response with its body, and what the service saw if that is the body.
type answer struct {
	*http.Response
	body string
	echo echo
}

// echo is what the service saw.
type echo struct {
	Server  string            `json:"server"`
	Method  string            `json:"method"`
	URI     string            `json:"uri"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Extra   string            `json:"rewritten"`
}

var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 10 * time.Second}

// do sends "METHOD /path", headers as "Name: value", a body after an empty string.
func (s *site) do(t *testing.T, line string, headers ...string) *answer {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	var body io.Reader
	req, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range headers {
		if h == "" {
			body = strings.NewReader(strings.Join(headers[i+1:], "\n"))
			req.Body, req.ContentLength = io.NopCloser(body), int64(len(strings.Join(headers[i+1:], "\n")))
			break
		}
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	a := &answer{Response: resp, body: string(b)}
	a.decode()
	return a
}

// decode reads what the service saw out of the body, if that is there.
func (a *answer) decode() { _ = json.Unmarshal([]byte(a.body), &a.echo) }

// wants compares pairs of got and want.
func wants(t *testing.T, pairs ...any) {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if got, want := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1]); got != want {
			t.Errorf("value %d:\n got  %s\n want %s", i/2+1, got, want)
		}
	}
}

// eventually waits for ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%s does not happen", what)
			return
		}
	}
}

// ---- servers ----

// echoServer answers what it saw; /status/N gives that status, /soap an envelope, /nocache forbids to keep the answer.
func echoServer(t *testing.T, name string) string {
	var mu sync.Mutex
	served := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		served++
		n := served
		mu.Unlock()
		e := echo{Server: name, Method: r.Method, URI: r.RequestURI, Headers: map[string]string{"host": r.Host}, Body: string(b)}
		for k, v := range r.Header {
			e.Headers[strings.ToLower(k)] = strings.Join(v, ",")
		}
		w.Header().Set("X-Up", name)
		w.Header().Set("X-Served", fmt.Sprint(n))
		w.Header().Set("X-Powered-By", "go")
		path, _, _ := strings.Cut(r.RequestURI, "?")
		var status int
		if _, err := fmt.Sscanf(path, "/status/%d", &status); err == nil {
			w.WriteHeader(status)
		}
		switch path {
		case "/soap":
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprintf(w, `<s:Envelope xmlns:s="x"><s:Body><r:Answer xmlns:r="y"><r:saw>%d</r:saw><r:action>%s</r:action></r:Answer></s:Body></s:Envelope>`, len(b), r.Header.Get("SOAPAction"))
			return
		case "/fault":
			_, _ = io.WriteString(w, `<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultstring>no such thing</faultstring></s:Fault></s:Body></s:Envelope>`)
			return
		case "/html":
			_, _ = io.WriteString(w, "<p>not json</p>")
			return
		case "/nocache":
			w.Header().Set("Cache-Control", "no-store")
		}
		w.Header().Set("Content-Type", "application/json")
		out, _ := json.Marshal(e)
		if path == "/chunked" {
			for i := 0; i < len(out); i += 16 {
				_, _ = w.Write(out[i:min(i+16, len(out))])
				w.(http.Flusher).Flush()
			}
			return
		}
		_, _ = w.Write(out)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// idp is an identity provider.
type idp struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
}

func newIDP(t *testing.T) *idp {
	p := &idp{calls: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.calls[r.URL.Path]++
		p.mu.Unlock()
		_ = r.ParseForm()
		reply := func(v any) { _ = json.NewEncoder(w).Encode(v) }
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			reply(map[string]string{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "userinfo_endpoint": p.URL + "/userinfo"})
		case "/token":
			if r.Form.Get("code") != "good" || r.Form.Get("client_secret") != "s3cret" {
				w.WriteHeader(400)
				return
			}
			reply(map[string]any{"access_token": "at", "expires_in": 300})
		case "/userinfo":
			if r.Header.Get("Authorization") != "Bearer at" {
				w.WriteHeader(401)
				return
			}
			reply(map[string]string{"email": "ada@example.test"})
		case "/introspect":
			user, pass, _ := r.BasicAuth()
			token := r.Form.Get("token")
			switch {
			case user != "gw" || pass != "pw":
				w.WriteHeader(401)
			case token == "live":
				reply(map[string]any{"active": true, "sub": "42", "username": "ada", "scope": "read write", "client_id": "app", "roles": []string{"admin"}, "exp": time.Now().Add(time.Minute).Unix(), "phantom_token": "by.value.token"})
			case token == "narrow":
				reply(map[string]any{"active": true, "sub": "43", "scope": "write"})
			case token == "broken":
				w.WriteHeader(500)
			default:
				reply(map[string]any{"active": false})
			}
		default:
			w.WriteHeader(404)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *idp) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

// collector keeps the bodies that are sent to it; the first answer is 503.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	batches [][]byte
	refused int
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.refused == 0 {
			c.refused++
			w.WriteHeader(503)
			return
		}
		if r.Header.Get("Authorization") == "Splunk tok" && r.Header.Get("Content-Type") == "application/json" {
			c.batches = append(c.batches, b)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// entries are all log entries of all batches.
func (c *collector) entries() (all []map[string]any, batches int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.batches {
		var list []map[string]any
		if !bytes.HasPrefix(b, []byte("[")) {
			b = append(append([]byte("["), b...), ']')
		}
		if err := json.Unmarshal(b, &list); err == nil {
			all = append(all, list...)
		}
	}
	return all, len(c.batches)
}

// lines collects what is sent over TCP.
type lines struct {
	net.Listener
	mu   sync.Mutex
	text bytes.Buffer
}

func newLines(t *testing.T) *lines {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &lines{Listener: ln}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 4096)
				for {
					n, err := c.Read(b)
					l.mu.Lock()
					l.text.Write(b[:n])
					l.mu.Unlock()
					if err != nil {
						return
					}
				}
			}()
		}
	}()
	return l
}

func (l *lines) port() string { return fmt.Sprint(l.Addr().(*net.TCPAddr).Port) }

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startRedis starts Debian's Redis (scripts/deps.sh test).
func startRedis(t *testing.T, dir string, port int) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed: scripts/deps.sh test")
	}
	p, err := process.Start(dir, os.Environ(), path, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "pass")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := p.Listening(process.Loopback(port), 10*time.Second); err != nil {
		t.Fatalf("redis %v", err)
	}
}
