package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
	"github.com/gibbon-gateway/gibbon/wire/websocket"
	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// sockets is a gateway with a ws service whose frames a Lua plugin sees (/seen),
// one without plugins (/plain), and an HTTP service (/http), all of one echo server.
func sockets(t *testing.T, serve func(net.Conn), env ...string) *gibbon {
	t.Helper()
	return start(t, socketServices(rawUpstream(t, serve)), append(env, "KONG_PLUGINS=bundled,frames")...)
}

// socketServices is the kong.yml of sockets.
func socketServices(up string) string {
	return fmt.Sprintf(`_format_version: "3.0"
services:
- name: seen
  url: ws://%[1]s
  read_timeout: 3000
  retries: 0
  routes: [{name: seen, protocols: [ws, wss], paths: [/seen]}]
  plugins: [{name: frames}]
- name: plain
  url: ws://%[1]s
  routes: [{name: plain, protocols: [ws], paths: [/plain]}]
- name: http
  url: http://%[1]s
  routes: [{name: http, paths: [/http]}]
`, up)
}

func echoServer(c net.Conn) { _ = conformance.Serve(c) }

// open shakes hands with the gateway.
func (g *gibbon) open(t *testing.T, path, extensions string, more http.Header) *conformance.Client {
	t.Helper()
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c, err := conformance.Dial(conn, g.addr, path, extensions, more)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return c
}

// text sends a text.
func text(t *testing.T, c *conformance.Client, s string) {
	t.Helper()
	if _, err := c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Text, Masked: true, Key: [4]byte{1, 2, 3, 4}}, []byte(s))); err != nil {
		t.Fatal(err)
	}
}

// wantNext checks the next message: "text a", "close 1000 bye" …, or "end".
func wantNext(t *testing.T, c *conformance.Client, want string) {
	t.Helper()
	m, err := c.Next()
	got := fmt.Sprintf("%s %s", m.Op, m.Payload)
	switch {
	case err != nil:
		got = "end"
	case m.Op == websocket.Close:
		got = fmt.Sprintf("close %d %s", m.Code, m.Payload)
	}
	if got != want {
		t.Errorf("got %.80q (%v), want %.80q", got, err, want)
	}
}

// TestWebSocketConformance plays every case through the gateway: by a tunnel,
// and with a Lua plugin that sets each frame to what it sees.
func TestWebSocketConformance(t *testing.T) {
	g := sockets(t, echoServer)
	for _, path := range []string{"/seen", "/plain", "/http"} {
		cases := conformance.Cases()
		for i := range cases {
			k := &cases[i]
			if path != "/seen" && !strings.HasPrefix(k.ID, "1.") && !strings.HasPrefix(k.ID, "5.") && !strings.HasPrefix(k.ID, "12.1") {
				continue // what passes bytes passes them all: a part will do
			}
			size := ""
			if path == "/seen" && strings.HasPrefix(k.ID, "9.") {
				size = "?size=33554432"
			}
			t.Run(path[1:]+"/"+k.ID, func(t *testing.T) {
				c := g.open(t, path+size, k.Extensions, nil)
				defer c.Close()
				if err := conformance.Run(c, k); err != nil {
					t.Errorf("%s: %v", k.Name, err)
				}
			})
		}
	}
	if log := g.log(); strings.Contains(log, "HTTP phase") || strings.Contains(log, "[error]") {
		t.Error("an HTTP phase ran, or something failed: see the log")
	}
}

// TestWebSocketPlugin: what plugins do to handshakes and frames.
//
// Documented row 11: control frames are not limited.
//
// Documented rows 2, 5, 7-10, 56-58, 60, 77, 78.
func TestWebSocketPlugin(t *testing.T) {
	g := sockets(t, echoServer)
	t.Run("frames", func(t *testing.T) {
		c := g.open(t, "/seen", "", http.Header{"Sec-Websocket-Protocol": {"chat"}})
		if p := c.Answer.Header.Get("Sec-WebSocket-Protocol"); p != "chat" {
			t.Errorf("subprotocol %q", p)
		}
		for _, s := range []string{"a", "!drop", "!upper", "!sleep 1", "b", "!updrop", "!upsleep", "c"} {
			text(t, c, s)
		}
		for _, want := range []string{"text a", "text UPPER", "text !sleep 1", "text b", "text !upsleep", "text c"} {
			wantNext(t, c, want)
		}
	})
	t.Run("close", func(t *testing.T) {
		c := g.open(t, "/seen", "", nil)
		text(t, c, "!close")
		wantNext(t, c, "close 4001 mine")
		wantNext(t, c, "end")
		c = g.open(t, "/seen", "", nil)
		text(t, c, "!upclose")
		wantNext(t, c, "close 4004 to client")
		wantNext(t, c, "end")
	})
	t.Run("changed close", func(t *testing.T) {
		c := g.open(t, "/seen", "", nil)
		_, _ = c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Close, Masked: true}, websocket.AppendClosePayload(nil, 4100, "was")))
		wantNext(t, c, "close 4101 changed")
		wantNext(t, c, "end")
	})
	t.Run("handler fails", func(t *testing.T) {
		for _, s := range []string{"!error", "!broken"} {
			c := g.open(t, "/seen", "", nil)
			text(t, c, s)
			wantNext(t, c, "close 1011 ")
			wantNext(t, c, "end")
		}
	})
	t.Run("size", func(t *testing.T) {
		c := g.open(t, "/seen?size=1024", "", nil)
		part := []byte(strings.Repeat("x", 500))
		h := websocket.Header{Op: websocket.Text, Masked: true}
		out := websocket.AppendFrame(nil, h, part)
		h.Op = websocket.Continuation
		out = websocket.AppendFrame(websocket.AppendFrame(out, h, part), h, part)
		_, _ = c.Write(out)
		wantNext(t, c, "close 1009 message is larger than the limit")
		c = g.open(t, "/seen?size=1", "", nil)
		_, _ = c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Ping, Masked: true}, []byte(strings.Repeat("p", 125))))
		wantNext(t, c, "pong "+strings.Repeat("p", 125))
		_, _ = c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Close, Masked: true}, websocket.AppendClosePayload(nil, 1000, "longer")))
		wantNext(t, c, "close 1000 longer")
		c = g.open(t, "/seen", "", nil)
		text(t, c, strings.Repeat("x", 200))
		wantNext(t, c, "text "+strings.Repeat("x", 200))
		text(t, c, "!size")
		wantNext(t, c, "text !size")
		text(t, c, strings.Repeat("x", 101))
		wantNext(t, c, "close 1009 message is larger than the limit")
		c = g.open(t, "/seen", "", nil)
		text(t, c, strings.Repeat("x", 1<<20+1))
		wantNext(t, c, "close 1009 message is larger than the limit")
	})
	t.Run("handshake", func(t *testing.T) {
		for _, k := range []struct {
			path   string
			change func(http.Header)
			status int
			body   string
		}{
			{"/seen?exit=403", nil, 403, `{"message":"not you"}`},
			{"/seen?fail=1", nil, 500, "An unexpected error occurred"},
			{"/seen", func(h http.Header) { h.Del("Sec-WebSocket-Key") }, 400, "Sec-WebSocket-Key"},
			{"/seen", func(h http.Header) { h.Set("Sec-WebSocket-Version", "8") }, 426, "Sec-WebSocket-Version"},
			{"/seen", func(h http.Header) { h.Del("Upgrade") }, 426, "Please use WebSocket protocol"},
			{"/plain", func(h http.Header) { h.Del("Upgrade") }, 426, "Please use WebSocket protocol"},
			{"/http", func(h http.Header) { h.Del("Upgrade") }, 400, ""}, // the upstream's own answer
		} {
			h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Version": {"13"}}
			if k.change != nil {
				k.change(h)
			}
			req, _ := http.NewRequest("GET", "http://"+g.addr+k.path, nil)
			req.Header = h
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != k.status || !bytes.Contains(b, []byte(k.body)) {
				t.Errorf("%s: %s %s, want %d %s", k.path, resp.Status, b, k.status, k.body)
			}
		}
	})
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		log := g.log()
		if strings.Contains(log, "HTTP phase") {
			t.Error("phases of HTTP ran: see the log")
			return
		}
		if strings.Contains(log, "ws_close after 8 frames, 101") && strings.Contains(log, "ws_close after nil frames, 403") {
			return
		}
		if time.Now().After(end) {
			t.Error("ws_close did not run: see the log")
			return
		}
	}
}

// TestWebSocketTLS: wss on both sides, with and without a plugin.
func TestWebSocketTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS() // for its certificate
	config := s.TLS.Clone()
	config.NextProtos = nil
	s.Close()
	up := rawUpstream(t, func(c net.Conn) { _ = conformance.Serve(tls.Server(c, config)) })
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	secure := process.Loopback(ports.Take())
	g := start(t, fmt.Sprintf(`_format_version: "3.0"
services:
- name: seen
  url: wss://%[1]s
  routes: [{name: seen, protocols: [wss], paths: [/seen]}]
  plugins: [{name: frames}]
- name: plain
  url: wss://%[1]s
  routes: [{name: plain, protocols: [ws, wss], paths: [/plain]}]
`, up), "KONG_PLUGINS=bundled,frames", "KONG_PROXY_LISTEN=ADDR, "+secure+" ssl")
	if err := g.Listening(secure, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/seen", "/plain"} {
		conn, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		c, err := conformance.Dial(conn, secure, path, "permessage-deflate", nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, n := range []int{0, 10, 5000, 300_000} {
			text(t, c, strings.Repeat("x", n))
			wantNext(t, c, "text "+strings.Repeat("x", n))
		}
		_, _ = c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Close, Masked: true}, websocket.AppendClosePayload(nil, 1000, "bye")))
		wantNext(t, c, "close 1000 bye")
		wantNext(t, c, "end")
		conn.Close()
	}
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if c, _ := conformance.Dial(conn, g.addr, "/seen", "", nil); c == nil || c.Answer.StatusCode != 426 {
		t.Error("a wss route takes a client without TLS")
	}
}

// TestWebSocketUpstream: what the upstream does wrong, and what is relayed.
func TestWebSocketUpstream(t *testing.T) {
	var mu sync.Mutex
	answer := ""
	g := sockets(t, func(c net.Conn) {
		mu.Lock()
		a := answer
		mu.Unlock()
		b := make([]byte, 4096)
		n, _ := c.Read(b)
		a = strings.ReplaceAll(a, "ACCEPT", websocket.Accept("dGhlIHNhbXBsZSBub25jZQ=="))
		_, _ = io.WriteString(c, strings.ReplaceAll(a, "\n", "\r\n"))
		if strings.Contains(a, "X-Then: frames") {
			time.Sleep(50 * time.Millisecond)
			_, _ = c.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Text, Masked: true}, []byte("masked")))
			time.Sleep(50 * time.Millisecond)
		}
		_ = n
	})
	const good = "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n"
	for _, k := range []struct {
		answer string
		status int
		then   string
	}{
		{"HTTP/1.1 403 Forbidden\nContent-Length: 3\nX-Own: yes\n\nno\n", 403, ""},
		{good + "Sec-WebSocket-Accept: wrong\n\n", 502, ""},
		{good + "Sec-WebSocket-Accept: ACCEPT\nSec-WebSocket-Protocol: other\n\n", 502, ""},
		{good + "Sec-WebSocket-Accept: ACCEPT\nSec-WebSocket-Extensions: permessage-deflate\n\n", 502, ""},
		{good + "Sec-WebSocket-Accept: ACCEPT\n\n", 101, "close 1011 "},                 // it goes without a word
		{good + "Sec-WebSocket-Accept: ACCEPT\nX-Then: frames\n\n", 101, "close 1001 "}, // it masks
	} {
		mu.Lock()
		answer = k.answer
		mu.Unlock()
		conn, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		c, err := conformance.Dial(conn, g.addr, "/seen", "", nil)
		switch {
		case c == nil || c.Answer.StatusCode != k.status:
			t.Errorf("%q: %v", k.answer, err)
		case k.then != "":
			wantNext(t, c, k.then)
			wantNext(t, c, "end")
		}
		conn.Close()
	}
}

// TestWebSocketCompression: with a plugin in between the two sides agree on
// their own, and an offer that the client did not make is not made for it.
func TestWebSocketCompression(t *testing.T) {
	offers := make(chan string, 10)
	g := sockets(t, func(c net.Conn) {
		r := &recorder{Conn: c}
		_ = conformance.Serve(r)
		for l := range strings.SplitSeq(r.head.String(), "\r\n") {
			if k, v, _ := strings.Cut(l, ": "); strings.EqualFold(k, "Sec-WebSocket-Extensions") {
				offers <- v
				return
			}
		}
		offers <- ""
	})
	for _, k := range []struct{ path, client, upstream, answer string }{
		{"/seen", "", "", ""},
		{"/seen", "permessage-deflate", websocket.OfferDeflate, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"/plain", "permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10"},
	} {
		c := g.open(t, k.path, k.client, nil)
		if a := c.Answer.Header.Get("Sec-WebSocket-Extensions"); a != k.answer {
			t.Errorf("%v: answered %q", k, a)
		}
		text(t, c, strings.Repeat("compress me ", 1000))
		wantNext(t, c, "text "+strings.Repeat("compress me ", 1000))
		c.Close()
		if o := <-offers; o != k.upstream {
			t.Errorf("%v: the upstream was offered %q", k, o)
		}
	}
}

// recorder keeps the beginning of what was read.
type recorder struct {
	net.Conn
	head bytes.Buffer
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if r.head.Len() < 4096 {
		r.head.Write(p[:n])
	}
	return n, err
}

// TestWebSocketEnds: silence, clients that vanish, and readers that are slow.
func TestWebSocketEnds(t *testing.T) {
	closes := make(chan string, 100)
	g := sockets(t, func(c net.Conn) {
		r := &recorder{Conn: c}
		_ = conformance.Serve(r)
		var in websocket.Reader
		_, b, _ := bytes.Cut(r.head.Bytes(), []byte("\r\n\r\n"))
		for len(b) > 0 {
			n, m, ok, err := in.Next(b)
			if b = b[n:]; err != nil {
				break
			}
			if ok && m.Op == websocket.Close {
				closes <- fmt.Sprint(m.Code)
				return
			}
		}
		closes <- "none"
	})
	t.Run("silence", func(t *testing.T) {
		c := g.open(t, "/seen", "", nil)
		began := time.Now()
		wantNext(t, c, "close 1001 ")
		wantNext(t, c, "end")
		if d := time.Since(began); d < 2900*time.Millisecond || d > 5*time.Second {
			t.Errorf("after %s", d)
		}
		if code := <-closes; code != "1001" {
			t.Errorf("the upstream was told %s", code)
		}
	})
	t.Run("client vanishes", func(t *testing.T) {
		c := g.open(t, "/seen", "", nil)
		text(t, c, "a")
		wantNext(t, c, "text a")
		c.Close()
		if code := <-closes; code != "1001" {
			t.Errorf("the upstream was told %s", code)
		}
		c = g.open(t, "/seen", "", nil)
		text(t, c, "!sleep") // while a handler waits
		c.Close()
		if code := <-closes; code != "1001" {
			t.Errorf("the upstream was told %s", code)
		}
	})
	t.Run("slow reader", func(t *testing.T) {
		c := g.open(t, "/seen", "", nil)
		payload := strings.Repeat("x", 100<<10)
		go func() {
			for range 100 {
				text(t, c, payload)
			}
		}()
		time.Sleep(300 * time.Millisecond)
		for i := range 100 {
			m, err := c.Next()
			if err != nil || len(m.Payload) != len(payload) {
				t.Fatalf("message %d: %d bytes, %v", i, len(m.Payload), err)
			}
		}
	})
}
