package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The shapes are plugins as the public ones are made (facts: third_party_plugins), each with the libraries, phases and habits of its
// kind, in testdata/shapes. One gateway runs them all.
type shapes struct {
	*gibbon
	key      *rsa.PrivateKey
	services string // address of the services that the plugins ask
	calls    atomic.Int64
	broken   atomic.Bool
	mu       sync.Mutex
	got      []string // what loggers sent
	nonce    string
}

func TestShapes(t *testing.T) {
	s := &shapes{}
	s.key, _ = rsa.GenerateKey(rand.Reader, 2048)
	plain := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(secure.Close)
	s.services = plain.URL
	broker := rawUpstream(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			s.note("broker " + line)
			_, _ = io.WriteString(c, "ok\n")
		}
	})
	up := upstream(t, http.HandlerFunc(s.echo))
	conf := s.configuration(up, secure.URL, broker, startRedis(t))
	path, _ := filepath.Abs("testdata/shapes")
	names := ""
	for _, line := range strings.Split(conf, "\n") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- name: shape-"); ok {
			names += ",shape-" + name
		}
	}
	s.gibbon = start(t, conf, "KONG_PLUGINS=bundled"+names, "KONG_LUA_PACKAGE_PATH="+path+"/?.lua;;")
	for name, test := range map[string]func(*testing.T){
		"introspection": s.introspection, "oidc": s.oidc, "upstream-jwt": s.upstreamJWT, "validator": s.validator, "redis-limit": s.redisLimit,
		"tcp-log": s.tcpLog, "http-log": s.httpLog, "body-rewriter": s.bodyRewriter, "soap": s.soap, "recaptcha": s.recaptcha, "sigv4": s.sigv4,
		"breaker": s.breaker, "tracer": s.tracer, "cache": s.cached, "router": s.routed, "spec": s.spec, "scanner": s.scanner, "events": s.events,
		"aggregator": s.aggregator, "siteminder": s.siteminder, "chat": s.chat,
	} {
		t.Run(name, test)
	}
}

func (s *shapes) configuration(up, secure, broker, redis string) string {
	key := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.key)}))
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(s.services, "http://"))
	brokerHost, brokerPort, _ := net.SplitHostPort(broker)
	var b strings.Builder
	fmt.Fprintf(&b, "_format_version: \"3.0\"\nservices:\n- name: s\n  url: http://%s\n  retries: 0\n  routes:\n", up)
	add := func(name, config string) {
		fmt.Fprintf(&b, "  - name: %[1]s\n    paths: [/%[1]s]\n    strip_path: false\n    plugins:\n    - name: shape-%[1]s\n      config: %[2]s\n", name, config)
	}
	q := func(v string) string { j, _ := json.Marshal(v); return string(j) }
	add("introspection", `{endpoint: `+q(s.services+"/introspect")+`, client_id: gw, client_secret: secret, ttl: 30}`)
	add("oidc", `{issuer: `+q(s.services)+`, client_id: gw, secret: hush}`)
	add("upstream-jwt", `{private_key: `+q(key)+`}`)
	add("validator", `{fields: [{name: id, type: integer, required: true}, {name: mail, pattern: "^[^@]+@[^@]+$"}, {name: list, type: array}]}`)
	add("redis-limit", `{host: `+q("unix:"+redis)+`, limit: 3}`)
	add("tcp-log", `{host: `+brokerHost+`, port: `+brokerPort+`}`)
	add("http-log", `{endpoint: `+q(s.services+"/log")+`, queue: {max_batch_size: 3, max_coalescing_delay: 0.1}}`)
	add("body-rewriter", `{remove: headers}`)
	add("soap", `{elements: [Name, Amount]}`)
	add("recaptcha", `{endpoint: `+q(secure+"/captcha")+`, secret: hush}`)
	add("sigv4", `{endpoint: "https://cloud.test/", key: AK, secret: SK}`)
	add("breaker", `{failures: 3, open_time: 0.5}`)
	add("tracer", `{endpoint: `+q(s.services+"/log")+`}`)
	add("cache", `{ttl: 30}`)
	add("router", `{registry: `+q(s.services+"/registry")+`}`)
	add("spec", `{host: `+host+`, port: `+port+`}`)
	add("scanner", `{forbidden: EICAR}`)
	add("events", `{endpoint: `+q(s.services+"/log")+`}`)
	add("aggregator", `{urls: [`+q(s.services+"/slow?1")+`, `+q(s.services+"/slow?2")+`, `+q(s.services+"/slow?3")+`, "http://127.0.0.1:1/"]}`)
	add("siteminder", `{endpoint: `+q(s.services+"/session")+`}`)
	add("chat", `{}`)
	return b.String()
}

func startRedis(t *testing.T) string {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server")
	}
	sock := filepath.Join(t.TempDir(), "redis")
	c := exec.Command(path, "--port", "0", "--unixsocket", sock, "--save", "", "--dir", filepath.Dir(sock))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return sock
}

// echo is the service behind the gateway: it tells what it got.
func (s *shapes) echo(w http.ResponseWriter, r *http.Request) {
	if s.broken.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	b, _ := io.ReadAll(r.Body)
	h := map[string]string{}
	for k := range r.Header {
		h[k] = r.Header.Get(k)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "headers": h, "body": string(b),
		"call": s.calls.Add(1)})
}

func (s *shapes) note(text string) {
	s.mu.Lock()
	s.got = append(s.got, text)
	s.mu.Unlock()
}

// noted waits until something that was sent has all the texts.
func (s *shapes) noted(t *testing.T, texts ...string) string {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		all := append([]string(nil), s.got...)
		s.mu.Unlock()
	next:
		for _, one := range all {
			for _, text := range texts {
				if !strings.Contains(one, text) {
					continue next
				}
			}
			return one
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Errorf("nothing with %q among %q", texts, s.got)
	return ""
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// serve is the services that the plugins ask.
func (s *shapes) serve(w http.ResponseWriter, r *http.Request) {
	reply := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch r.URL.Path {
	case "/introspect":
		s.note("introspect " + r.FormValue("token") + " " + r.Header.Get("Authorization"))
		if r.FormValue("token") == "good" {
			reply(map[string]any{"active": true, "sub": "alice"})
			return
		}
		reply(map[string]any{"active": false})
	case "/.well-known/openid-configuration":
		reply(map[string]any{"authorization_endpoint": s.services + "/authorize", "token_endpoint": s.services + "/token", "jwks_uri": s.services + "/jwks"})
	case "/jwks":
		reply(map[string]any{"keys": []any{map[string]any{"kty": "RSA", "kid": "k1", "n": b64(s.key.N.Bytes()), "e": b64(big.NewInt(int64(s.key.E)).Bytes())}}})
	case "/token":
		claims, _ := json.Marshal(map[string]any{"iss": s.services, "aud": "gw", "sub": "bob", "exp": time.Now().Unix() + 60, "nonce": s.nonce})
		unsigned := b64([]byte(`{"alg":"RS256","kid":"k1"}`)) + "." + b64(claims)
		sum := sha256.Sum256([]byte(unsigned))
		sig, _ := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
		reply(map[string]any{"id_token": unsigned + "." + b64(sig)})
	case "/log":
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		b, _ := io.ReadAll(body)
		s.note("log " + string(b))
	case "/captcha":
		reply(map[string]any{"success": r.FormValue("response") == "a human" && r.FormValue("secret") == "hush"})
	case "/registry":
		if r.FormValue("tenant") == "blue" {
			_, _ = io.WriteString(w, strings.TrimPrefix(s.services, "http://"))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "127.0.0.1:1")
	case "/tenant/blue":
		_, _ = io.WriteString(w, "served by blue "+r.URL.RawQuery)
	case "/spec":
		w.Header().Set("Content-Type", "text/yaml")
		for range 100 {
			_, _ = io.WriteString(w, strings.Repeat("spec ", 100))
			w.(http.Flusher).Flush()
		}
	case "/slow":
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(w, "answer "+r.URL.RawQuery)
	case "/session":
		s.note("session " + r.Header.Get("Cookie"))
		if r.Header.Get("Cookie") == "SMSESSION=known" {
			w.Header().Set("X-User", "carol")
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}
}

// ask sends a request and gives status, headers and body. headers are "Name: value".
func (s *shapes) ask(t *testing.T, method, path, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	c := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func (s *shapes) want(t *testing.T, status int, contains string) func(int, http.Header, string) http.Header {
	t.Helper()
	return func(got int, h http.Header, body string) http.Header {
		t.Helper()
		if got != status || !strings.Contains(body, contains) {
			t.Errorf("got %d %s, want %d with %q", got, body, status, contains)
		}
		return h
	}
}

func (s *shapes) introspection(t *testing.T) {
	s.want(t, 401, "no token")(s.ask(t, "GET", "/introspection", ""))
	for range 3 {
		s.want(t, 200, `"X-Subject":"alice"`)(s.ask(t, "GET", "/introspection", "", "Authorization: Bearer good"))
	}
	s.want(t, 401, "not active")(s.ask(t, "GET", "/introspection", "", "Authorization: Bearer bad"))
	s.noted(t, "introspect good Basic Z3c6c2VjcmV0")
	n := 0
	for _, g := range s.got {
		if strings.HasPrefix(g, "introspect good") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func (s *shapes) oidc(t *testing.T) {
	h := s.want(t, 302, "")(s.ask(t, "GET", "/oidc", ""))
	to, err := url.Parse(h.Get("Location"))
	if err != nil || to.Path != "/authorize" {
		t.Fatalf("%v %v", to, err)
	}
	s.nonce = to.Query().Get("nonce")
	cookie := "Cookie: " + strings.Split(h.Get("Set-Cookie"), ";")[0]
	s.want(t, 400, "state")(s.ask(t, "GET", "/oidc?code=c&state=wrong", "", cookie))
	h = s.want(t, 302, "")(s.ask(t, "GET", "/oidc?code=c&state="+url.QueryEscape(to.Query().Get("state")), "", cookie))
	session := "Cookie: " + strings.Split(h.Get("Set-Cookie"), ";")[0]
	s.want(t, 200, `"X-Userinfo":"`+base64.StdEncoding.EncodeToString([]byte(`{"sub":"bob"}`)))(s.ask(t, "GET", "/oidc", "", session))
	s.want(t, 302, "")(s.ask(t, "GET", "/oidc", "", session[:len(session)-3]+"abc"))
}

func (s *shapes) upstreamJWT(t *testing.T) {
	status, _, body := s.ask(t, "POST", "/upstream-jwt", "payload")
	var seen struct{ Headers map[string]string }
	if status != 200 || json.Unmarshal([]byte(body), &seen) != nil {
		t.Fatalf("%d %s", status, body)
	}
	parts := strings.Split(seen.Headers["Jwt"], ".")
	if len(parts) != 3 {
		t.Fatal(body)
	}
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		t.Error(err)
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	hash := sha256.Sum256([]byte("payload"))
	if !strings.Contains(string(payload), hex.EncodeToString(hash[:])) || !strings.Contains(string(payload), `"aud":"s"`) {
		t.Error(string(payload))
	}
}

func (s *shapes) validator(t *testing.T) {
	const kind = "Content-Type: application/json"
	s.want(t, 415, "JSON, please")(s.ask(t, "POST", "/validator", "x"))
	s.want(t, 400, "not JSON")(s.ask(t, "POST", "/validator", "{", kind))
	_, _, body := s.ask(t, "POST", "/validator", `{"id":1.5,"mail":"nobody","list":{}}`, kind)
	if !strings.Contains(body, `"problems":["id must be an integer","mail does not match","list must be an array"]`) {
		t.Error(body)
	}
	s.want(t, 200, `\"list\":[]`)(s.ask(t, "POST", "/validator", `{"id":1,"mail":"a@b","list":[]}`, kind))
}

func (s *shapes) redisLimit(t *testing.T) {
	for i := range 3 {
		if h := s.want(t, 200, "")(s.ask(t, "GET", "/redis-limit", "")); h.Get("X-RateLimit-Remaining") != fmt.Sprint(2-i) {
			t.Errorf("remaining %s", h.Get("X-RateLimit-Remaining"))
		}
	}
	s.want(t, 429, "rate limit exceeded")(s.ask(t, "GET", "/redis-limit", ""))
}

func (s *shapes) tcpLog(t *testing.T) {
	s.want(t, 200, "")(s.ask(t, "GET", "/tcp-log/one", ""))
	s.want(t, 200, "")(s.ask(t, "GET", "/tcp-log/two", ""))
	s.noted(t, "broker", `/tcp-log/one`, `"status":200`, `"client":"127.0.0.1"`)
	s.noted(t, "broker", `/tcp-log/two`)
}

func (s *shapes) httpLog(t *testing.T) {
	for i := range 4 {
		s.ask(t, "GET", fmt.Sprintf("/http-log/%d", i), "")
	}
	for i := range 4 {
		s.noted(t, "log [", fmt.Sprintf("/http-log/%d", i))
	}
}

func (s *shapes) bodyRewriter(t *testing.T) {
	h := s.want(t, 200, `"via":"shape"`)(s.ask(t, "GET", "/body-rewriter", ""))
	if _, _, body := s.ask(t, "GET", "/body-rewriter", ""); strings.Contains(body, "headers") || h.Get("X-Rewritten") != "yes" {
		t.Error(body)
	}
}

func (s *shapes) soap(t *testing.T) {
	s.want(t, 200, `\"Amount\":\"3\"`)(s.ask(t, "POST", "/soap", `<s:Envelope xmlns:s="x"><s:Body><o:Name>x</o:Name><Amount>3</Amount></s:Body></s:Envelope>`))
	s.want(t, 400, "")(s.ask(t, "POST", "/soap", `<open>`))
}

func (s *shapes) recaptcha(t *testing.T) {
	const kind = "Content-Type: application/x-www-form-urlencoded"
	s.want(t, 200, "")(s.ask(t, "POST", "/recaptcha", "g-recaptcha-response=a+human", kind))
	s.want(t, 403, "not a human")(s.ask(t, "POST", "/recaptcha", "g-recaptcha-response=a+bot", kind))
	s.want(t, 400, "no answer")(s.ask(t, "POST", "/recaptcha", "x=y", kind))
}

func (s *shapes) sigv4(t *testing.T) {
	s.want(t, 200, `"Authorization":"AWS4-HMAC-SHA256 Credential=AK/`)(s.ask(t, "POST", "/sigv4?a=b", "body"))
}

func (s *shapes) breaker(t *testing.T) {
	s.want(t, 200, "")(s.ask(t, "GET", "/breaker", ""))
	s.broken.Store(true)
	for range 3 {
		s.want(t, 502, "")(s.ask(t, "GET", "/breaker", ""))
	}
	time.Sleep(50 * time.Millisecond)
	s.broken.Store(false)
	s.want(t, 503, "circuit open")(s.ask(t, "GET", "/breaker", ""))
	time.Sleep(600 * time.Millisecond)
	s.want(t, 200, "")(s.ask(t, "GET", "/breaker", ""))
}

func (s *shapes) tracer(t *testing.T) {
	const trace = "0123456789abcdef0123456789abcdef"
	s.want(t, 200, `"X-B3-Traceid":"`+trace)(s.ask(t, "GET", "/tracer", "", "X-B3-TraceId: "+trace, "X-B3-SpanId: 00000000000000aa"))
	s.noted(t, `"traceId":"`+trace, `"parentId":"00000000000000aa"`, `"kong.route":"tracer"`, `"http.status_code":"200"`)
}

func (s *shapes) cached(t *testing.T) {
	_, h, first := s.ask(t, "GET", "/cache?x", "")
	_, h2, second := s.ask(t, "GET", "/cache?x", "")
	if first != second || h.Get("X-Cache") != "miss" || h2.Get("X-Cache") != "hit" || h2.Get("Content-Type") != h.Get("Content-Type") {
		t.Errorf("%s %s: %v %v", first, second, h, h2)
	}
	if _, _, third := s.ask(t, "POST", "/cache?x", ""); third == first {
		t.Error("a POST was answered from the cache")
	}
}

func (s *shapes) routed(t *testing.T) {
	s.want(t, 200, "served by blue tenant=blue")(s.ask(t, "GET", "/router/blue", ""))
	s.want(t, 502, "")(s.ask(t, "GET", "/router/red", ""))
}

func (s *shapes) spec(t *testing.T) {
	status, h, body := s.ask(t, "GET", "/spec/specz", "")
	if status != 200 || len(body) != 50000 || h.Get("Content-Type") != "text/yaml" {
		t.Errorf("%d %d %v", status, len(body), h)
	}
	s.want(t, 200, "/spec/other")(s.ask(t, "GET", "/spec/other", ""))
}

// Large uploads of both framings stream through the plugin.
func (s *shapes) scanner(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	sum := sha256.Sum256(body)
	for _, known := range []bool{true, false} {
		var r io.Reader = bytes.NewReader(body)
		if !known {
			r = io.MultiReader(r) // hides the length: chunked
		}
		resp, err := http.Post("http://"+s.addr+"/scanner", "application/octet-stream", r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(b), hex.EncodeToString(sum[:])) || !strings.Contains(string(b), "16777216") {
			t.Errorf("%v: %d %s", known, resp.StatusCode, b)
		}
	}
	s.want(t, 403, "forbidden content")(s.ask(t, "POST", "/scanner", "an EICAR test"))
	s.want(t, 400, "no body")(s.ask(t, "GET", "/scanner", ""))
}

func (s *shapes) events(t *testing.T) {
	s.ask(t, "GET", "/events/1", "")
	s.noted(t, "/events/1", `"status":200`, `"worker":`)
}

func (s *shapes) aggregator(t *testing.T) {
	began := time.Now()
	s.want(t, 200, `{"answers":["answer 1","answer 2","answer 3","failed: connection refused"]}`)(s.ask(t, "GET", "/aggregator", ""))
	if took := time.Since(began); took > 800*time.Millisecond {
		t.Errorf("took %v: one after another", took)
	}
}

func (s *shapes) siteminder(t *testing.T) {
	s.want(t, 401, "log in")(s.ask(t, "GET", "/siteminder", ""))
	s.want(t, 401, "unknown session")(s.ask(t, "GET", "/siteminder", "", "Cookie: SMSESSION=other"))
	for range 3 {
		s.want(t, 200, `"X-User":"carol"`)(s.ask(t, "GET", "/siteminder", "", "Cookie: SMSESSION=known"))
	}
	n := 0
	s.mu.Lock()
	for _, g := range s.got {
		if g == "session SMSESSION=known" {
			n++
		}
	}
	s.mu.Unlock()
	if n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func (s *shapes) chat(t *testing.T) {
	c := dial(t, s.addr)
	c.send("GET /chat HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("%v %v", resp, err)
	}
	c.send("\x81\x82\x00\x00\x00\x00hi" + "\x89\x81\x00\x00\x00\x00p" + "\x88\x80\x00\x00\x00\x00")
	if got := c.rest(); got != "\x81\x0byou said hi"+"\x8a\x01p"+"\x88\x05\x03\xe8bye" {
		t.Errorf("%q", got)
	}
	s.want(t, 200, "/chat")(s.ask(t, "GET", "/chat", ""))
}
