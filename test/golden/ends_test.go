package golden

import (
	"context"
	"net"
	"strings"
	"testing"
)

// The package's own two ends, with no gateway between them.
func testStage(t *testing.T, files map[string]string) (*stage, *Case) {
	t.Helper()
	var b strings.Builder
	for name, data := range files {
		b.WriteString("-- " + name + " --\n" + data)
	}
	c := parseCase("test/case", []byte(b.String()))
	s, err := newStage(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s, c
}

func (s *stage) addr(name string) string { return s.vars["{{"+name+"}}"] }

func TestGRPCEnds(t *testing.T) {
	s, _ := testStage(t, nil)
	req := "POST /a.B/C HTTP/2\nHost: x\ncontent-type: application/grpc\n\n\"one\"\nwait\nhex 01ff\ntrailers:\nx-end: yes\n"
	got := exchangeHTTP2(s.addr("grpc_upstream_tls"), []byte(req), parseOptions([]byte("h2 grpc")))
	want := "HTTP/2 200\ncontent-type: application/grpc\n\nmessage \"one\"\nmessage \"\\x01\\xff\"\ntrailers:\ngrpc-status: 0"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	seen := s.rec.text(options{})
	for _, w := range []string{"grpc_upstream_tls POST /a.B/C HTTP/2\n", "(sni) localhost", "(alpn) h2", ":authority: x", "trailers:\nx-end: yes"} {
		if !strings.Contains(seen, w) {
			t.Errorf("no %q in %s", w, seen)
		}
	}
}

func TestWebSocketEnds(t *testing.T) {
	s, _ := testStage(t, nil)
	req := "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	script := "text*70000 x\nbinary 00ff\n-text+ a\ncont b\nwait\nclose 1001 bye\nquiet 1s\n"
	got := exchangeWebSocket(s.addr("ws_upstream"), []byte(req), []byte(script), options{})
	for _, w := range []string{"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "< binary 00ff", "< text+ \"a\"", "< cont \"b\"", "< close 1001 \"bye\"\n(closed)"} {
		if !strings.Contains(got, w) {
			t.Errorf("no %q in %s", w, got)
		}
	}
}

func TestStreamEnds(t *testing.T) {
	s, _ := testStage(t, nil)
	addr := "127.0.0.1:" + s.vars["{{raw_upstream_port}}"]
	for _, words := range []string{"", "udp"} {
		if got := streamExchange(addr, "", []byte("a\nb\n"), parseOptions([]byte(words))); got != "\"echo:a\"\n\"echo:b\"" {
			t.Errorf("%q: %s", words, got)
		}
	}
	if got := s.rec.text(options{}); got != "tcp \"a\"\ntcp \"b\"\nudp \"a\"\nudp \"b\"" {
		t.Error(got)
	}
}

func TestSuccessiveRepliesAndDistribution(t *testing.T) {
	s, c := testStage(t, map[string]string{
		"1.reply1":  "HTTP/1.1 500 No\nContent-Length: auto\n\na\n=====\nSLEEP 10ms\nHTTP/1.1 201 Yes\nContent-Length: auto\n\nb\n",
		"1.options": "repeat=3\n",
		"1.request": "GET / HTTP/1.1\n",
	})
	for range 2 { // the case's own bytes must survive
		s.script(c, c.steps[0])
		var got []string
		for range 3 {
			a := exchange(s.addr("upstream"), []byte("GET / HTTP/1.1\r\n\r\n"), options{})
			got = append(got, strings.Fields(a)[1])
		}
		if g := strings.Join(got, " "); g != "500 201 201" {
			t.Error(g)
		}
	}
	if g := s.rec.text(parseOptions([]byte("distribution anon"))); g != "A 6" {
		t.Error(g)
	}
}

func TestUpstreamDown(t *testing.T) {
	s, c := testStage(t, map[string]string{"1.reply": "DOWN\n", "1.request": "", "2.request": ""})
	for i, want := range []bool{true, false} {
		s.script(c, c.steps[i])
		got := exchange(s.addr("upstream"), []byte("GET / HTTP/1.1\r\n\r\n"), options{})
		if down := strings.HasPrefix(got, "(dial"); down != want {
			t.Errorf("step %d: %s", i+1, got)
		}
	}
}

func TestNameServer(t *testing.T) {
	s, _ := testStage(t, map[string]string{"dns": "a.test A 5 127.0.0.1\na.test A 5 127.0.0.2\nc.test CNAME 5 a.test\n_x._tcp.s.test SRV 5 1 10 80 a.test\nbad.test SERVFAIL\n"})
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return net.Dial("udp", s.dnsAddr)
	}}
	ctx := context.Background()
	if a, err := r.LookupHost(ctx, "c.test."); len(a) != 2 {
		t.Error(a, err)
	}
	if _, a, err := r.LookupSRV(ctx, "x", "tcp", "s.test."); len(a) != 1 || a[0].Port != 80 {
		t.Error(a, err)
	}
	if _, err := r.LookupHost(ctx, "none.test."); err == nil || !err.(*net.DNSError).IsNotFound {
		t.Error(err)
	}
	if _, err := r.LookupHost(ctx, "bad.test."); err == nil || err.(*net.DNSError).IsNotFound {
		t.Error(err)
	}
}

func TestCertificates(t *testing.T) {
	pem := string(expandCerts([]byte("{{cert:deep:a.test,*.a.test}}"), t.TempDir()))
	if strings.Count(pem, "BEGIN") != 2 || strings.Contains(pem, "\n") {
		t.Error(pem)
	}
	if got := hideCerts("x=" + strings.ReplaceAll(pem, `\n`, "\n")); strings.TrimSpace(got) != "x={{cert:deep:a.test,*.a.test}}" {
		t.Error(got)
	}
}
