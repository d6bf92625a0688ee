package plugins

import (
	"bufio"
	"bytes"
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
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

var waitingConfigs = map[string]string{
	"aggregator":      `{urls: ["$SERVICES/slow?1", "$SERVICES/slow?2", "$SERVICES/slow?3", "http://127.0.0.1:1/"]}`,
	"circuit-breaker": `{failures: 3, open_time: 0.5}`,
	"chat-server":     `{}`,
	"event-agent":     `{endpoint: "$SERVICES/log"}`,
	"recaptcha":       `{endpoint: "$SECURE/captcha", secret: hush}`,
	"tenant-router":   `{registry: "$SERVICES/registry"}`,
	"body-scanner":    `{forbidden: EICAR}`,
	"siteminder":      `{endpoint: "$SERVICES/session"}`,
	"spec-expose":     `{host: 127.0.0.1, port: $PORT}`,
	"b3-tracer":       `{endpoint: "$SERVICES/spans"}`,
	"upstream-jwt":    `{private_key: $KEY}`,
	"soap-fields":     `{elements: [Name, Amount]}`,
}

// TestWaitingShapes runs plugins that wait: threads, sockets of their own and the client's, timers, WebSockets.
func TestWaitingShapes(t *testing.T) {
	sv := newServices(t)
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	configs := map[string]string{}
	for name, c := range waitingConfigs {
		configs[name] = strings.NewReplacer("$SERVICES", sv.URL, "$SECURE", sv.secure.URL, "$PORT", sv.URL[strings.LastIndexByte(sv.URL, ':')+1:], "$KEY", jsonText(private)).Replace(c)
	}
	s := open(t, configs, "")
	for _, one := range []struct {
		name string
		test func(*testing.T, *site, *services)
	}{{"aggregator", aggregator}, {"circuit-breaker", circuitBreaker}, {"chat-server", chatServer}, {"event-agent", eventAgent}, {"recaptcha", recaptcha}, {"tenant-router", tenantRouter},
		{"body-scanner", bodyScanner}, {"siteminder", siteminder}, {"spec-expose", specExpose}, {"b3-tracer", b3Tracer}, {"soap-fields", soapFields}} {
		t.Run(one.name, func(t *testing.T) { one.test(t, s, sv) })
	}
	t.Run("upstream-jwt", func(t *testing.T) { upstreamJWT(t, s, &key.PublicKey) })
}

func aggregator(t *testing.T, s *site, sv *services) {
	began := time.Now()
	wants(t, s.do(t, "GET /aggregator/").body, `{"answers":["answer 1","answer 2","answer 3","failed: connection refused"]}`)
	if took := time.Since(began); took > 800*time.Millisecond {
		t.Errorf("took %v: one after another", took)
	}
}

func circuitBreaker(t *testing.T, s *site, sv *services) {
	wants(t, s.do(t, "GET /circuit-breaker/").StatusCode, 200)
	for range 3 {
		wants(t, s.do(t, "GET /circuit-breaker/status/502").StatusCode, 502)
	}
	eventually(t, "the open circuit", func() bool { return s.do(t, "GET /circuit-breaker/").body == `{"message":"circuit open"}` })
	time.Sleep(600 * time.Millisecond)
	wants(t, s.do(t, "GET /circuit-breaker/").StatusCode, 200)
}

func chatServer(t *testing.T, s *site, sv *services) {
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "GET /chat-server/ HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("%v %v", resp, err)
	}
	_, _ = io.WriteString(c, "\x81\x82\x00\x00\x00\x00hi"+"\x89\x81\x00\x00\x00\x00p"+"\x88\x80\x00\x00\x00\x00")
	b, _ := io.ReadAll(r)
	wants(t, fmt.Sprintf("%q", b), fmt.Sprintf("%q", "\x81\x0byou said hi\x8a\x01p\x88\x05\x03\xe8bye"), s.do(t, "GET /chat-server/").StatusCode, 200)
}

func eventAgent(t *testing.T, s *site, sv *services) {
	s.do(t, "GET /event-agent/1")
	sv.noted(t, "/log ", "/event-agent/1", `"status":200`, `"worker":`)
}

func recaptcha(t *testing.T, s *site, sv *services) {
	const kind = "Content-Type: application/x-www-form-urlencoded"
	wants(t, s.do(t, "POST /recaptcha/", kind, "", "g-recaptcha-response=a+human").StatusCode, 200)
	a := s.do(t, "POST /recaptcha/", kind, "", "g-recaptcha-response=a+bot")
	wants(t, a.StatusCode, 403, strings.Contains(a.body, "not a human"), true, s.do(t, "POST /recaptcha/", kind, "", "x=y").StatusCode, 400)
}

func tenantRouter(t *testing.T, s *site, sv *services) {
	wants(t, s.do(t, "GET /tenant-router/blue").body, "served by blue tenant=blue", s.do(t, "GET /tenant-router/red").StatusCode, 502)
}

// Large uploads of both framings stream through the plugin.
func bodyScanner(t *testing.T, s *site, sv *services) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	sum := sha256.Sum256(body)
	for _, known := range []bool{true, false} {
		var r io.Reader = bytes.NewReader(body)
		if !known {
			r = io.MultiReader(r) // hides the length: chunked
		}
		resp, err := http.Post(s.url+"/body-scanner/", "application/octet-stream", r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(b), hex.EncodeToString(sum[:])) || !strings.Contains(string(b), "16777216") {
			t.Errorf("%v: %d %s", known, resp.StatusCode, b)
		}
	}
	wants(t, s.do(t, "POST /body-scanner/", "", "an EICAR test").body, `{"message":"forbidden content"}`, s.do(t, "GET /body-scanner/").body, `{"message":"no body"}`)
}

func siteminder(t *testing.T, s *site, sv *services) {
	wants(t, s.do(t, "GET /siteminder/").body, `{"message":"log in"}`, s.do(t, "GET /siteminder/", "Cookie: SMSESSION=other").body, `{"message":"unknown session"}`)
	for range 3 {
		wants(t, s.do(t, "GET /siteminder/", "Cookie: SMSESSION=known").echo.Headers["x-user"], "carol")
	}
	wants(t, sv.times("/session "), 2)
}

func specExpose(t *testing.T, s *site, sv *services) {
	a := s.do(t, "GET /spec-expose/specz")
	wants(t, a.StatusCode, 200, len(a.body), 50000, a.Header.Get("Content-Type"), "text/yaml", s.do(t, "GET /spec-expose/other").echo.URI, "/other")
}

func b3Tracer(t *testing.T, s *site, sv *services) {
	const trace = "0123456789abcdef0123456789abcdef"
	wants(t, s.do(t, "GET /b3-tracer/", "X-B3-TraceId: "+trace, "X-B3-SpanId: 00000000000000aa").echo.Headers["x-b3-traceid"], trace)
	sv.noted(t, "/spans ", `"traceId":"`+trace, `"parentId":"00000000000000aa"`, `"kong.route":"b3-tracer"`, `"http.status_code":"200"`)
}

func soapFields(t *testing.T, s *site, sv *services) {
	var got map[string]string
	a := s.do(t, "POST /soap-fields/", "", `<s:Envelope xmlns:s="x"><s:Body><o:Name>x</o:Name><Amount>3</Amount></s:Body></s:Envelope>`)
	wants(t, json.Unmarshal([]byte(a.echo.Body), &got), nil, got["Amount"], "3", got["Name"], "x", s.do(t, "POST /soap-fields/", "", "<open>").StatusCode, 400)
}

func upstreamJWT(t *testing.T, s *site, key *rsa.PublicKey) {
	a := s.do(t, "POST /upstream-jwt/", "", "payload")
	parts := strings.Split(a.echo.Headers["jwt"], ".")
	if len(parts) != 3 {
		t.Fatal(a.body)
	}
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	hash := sha256.Sum256([]byte("payload"))
	wants(t, rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig), nil, strings.Contains(string(payload), hex.EncodeToString(hash[:])), true, strings.Contains(string(payload), `"aud":"echo"`), true)
}
