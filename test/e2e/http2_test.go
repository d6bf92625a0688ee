package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// h2Client is a client of HTTP/2 alone: in the clear by prior knowledge, or over TLS by ALPN.
func h2Client(secure bool) *http.Client {
	var p http.Protocols
	p.SetHTTP2(secure)
	p.SetUnencryptedHTTP2(!secure)
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		Protocols: &p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
}

// h2Upstream is an HTTPS server that speaks HTTP/2.
func h2Upstream(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// httpsTo is everythingTo for an HTTPS upstream.
func httpsTo(addr string, more ...string) string {
	return strings.Replace(everythingTo(addr, more...), "url: http://", "url: https://", 1)
}

// mirror answers with the request's body, its protocol, and its body's sum as a trailer.
func mirror(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Proto", r.Proto)
	w.Header().Set("Trailer", "X-Sum")
	w.Header().Set("Content-Type", "application/octet-stream")
	_ = http.NewResponseController(w).EnableFullDuplex() // or net/http reads no more of an HTTP/1.1 body
	sum := sha256.New()
	_, _ = io.Copy(w, io.TeeReader(r.Body, sum))
	w.Header().Set("X-Sum", fmt.Sprintf("%x", sum.Sum(nil)))
}

// TestHTTP2Bodies sends and receives bodies of many sizes on streams of few connections, with upstreams of HTTP/1.1
// and of HTTP/2, with the request collected and streamed.
func TestHTTP2Bodies(t *testing.T) {
	for _, up := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for _, buffering := range []string{"true", "false"} {
			t.Run(up+"/request_buffering="+buffering, func(t *testing.T) {
				more := "    request_buffering: " + buffering + "\n"
				conf, env := everythingTo(upstream(t, http.HandlerFunc(mirror)), more), "KONG_UPSTREAM_HTTP2=off"
				if up == "HTTP/2.0" {
					conf, env = httpsTo(h2Upstream(t, http.HandlerFunc(mirror)), more), "KONG_UPSTREAM_HTTP2=on"
				}
				g := startH2(t, conf, env)
				t.Run("cleartext", func(t *testing.T) { exchangeBodies(t, h2Client(false), "http://"+g.addr, up) })
				t.Run("tls", func(t *testing.T) { exchangeBodies(t, h2Client(true), "https://"+g.secure, up) })
			})
		}
	}
}

func exchangeBodies(t *testing.T, c *http.Client, url, proto string) {
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			body := make([]byte, []int{0, 1, 100, 16384, 65536, 300_000, 1_500_000}[i%7])
			for k := range body {
				body[k] = byte(rand.Uint32())
			}
			req, _ := http.NewRequest("POST", url, bytes.NewReader(body))
			if i%2 == 1 {
				req.ContentLength = -1
				req.Body = io.NopCloser(bytes.NewReader(body))
			}
			res, err := c.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			switch {
			case err != nil || !bytes.Equal(got, body):
				t.Errorf("stream %d: %d bytes of %d came back: %v", i, len(got), len(body), err)
			case res.ProtoMajor != 2 || res.Header.Get("X-Proto") != proto:
				t.Errorf("spoken were %s and %s", res.Proto, res.Header.Get("X-Proto"))
			case res.Trailer.Get("X-Sum") != fmt.Sprintf("%x", sha256.Sum256(body)):
				t.Errorf("trailer: %v", res.Trailer)
			}
		}()
	}
	wg.Wait()
}

// TestHTTP2SlowReader: a stream whose client does not read holds up no other stream of its connection.
func TestHTTP2SlowReader(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			_, _ = w.Write(big)
			return
		}
		fmt.Fprint(w, "small")
	}))
	g := startH2(t, everythingTo(up))
	c := h2Client(false)
	slow, err := c.Get("http://" + g.addr + "/big")
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Body.Close()
	for range 50 {
		res, err := c.Get("http://" + g.addr + "/small")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if string(b) != "small" {
			t.Fatalf("got %q", b)
		}
	}
	if n, err := io.Copy(io.Discard, slow.Body); n != int64(len(big)) || err != nil {
		t.Errorf("%d bytes of %d: %v", n, len(big), err)
	}
}

// TestHTTP2Cancel: what a client gives up, its upstream is told, too.
func TestHTTP2Cancel(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		t.Run("upstream of HTTP/"+version, func(t *testing.T) {
			gone := make(chan bool, 1)
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				gone <- true
			})
			conf := everythingTo(upstream(t, h))
			if version == "2" {
				conf = httpsTo(h2Upstream(t, h))
			}
			g := startH2(t, conf, "KONG_UPSTREAM_HTTP2=on")
			ctx, cancel := context.WithCancel(context.Background())
			req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+g.addr, nil)
			res, err := h2Client(false).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			cancel()
			select {
			case <-gone:
			case <-time.After(10 * time.Second):
				t.Error("the upstream still waits")
			}
		})
	}
}

// TestHTTP2Drain: a gateway that quits finishes the streams it has, and tells the client of HTTP/2 to open no more.
func TestHTTP2Drain(t *testing.T) {
	began, finish := make(chan bool), make(chan bool)
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "first ")
		_ = http.NewResponseController(w).Flush()
		began <- true
		<-finish
		fmt.Fprint(w, "second")
	}))
	g := startH2(t, everythingTo(up))
	c := h2Client(true)
	body := make(chan string, 1)
	go func() {
		res, err := c.Get("https://" + g.secure)
		if err != nil {
			body <- err.Error()
			return
		}
		b, err := io.ReadAll(res.Body)
		body <- fmt.Sprint(string(b), err)
	}()
	<-began
	if err := g.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	finish <- true
	if got := <-body; got != "first second<nil>" {
		t.Errorf("got %q", got)
	}
	select {
	case <-g.Ended():
	case <-time.After(10 * time.Second):
		t.Error("the gateway does not end")
	}
}

// TestEventStream: server-sent events pass as they come, although a plugin with a response phase wants whole responses.
func TestEventStream(t *testing.T) {
	next := make(chan bool)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	})
	plugin := "plugins:\n- name: responder\n"
	for name, conf := range map[string]string{"HTTP/1": everythingTo(upstream(t, h), plugin), "HTTP/2": httpsTo(h2Upstream(t, h), plugin)} {
		g := startH2(t, conf, "KONG_UPSTREAM_HTTP2=on", "KONG_PLUGINS=bundled,responder")
		for client, c := range map[string]*http.Client{"HTTP/1": http.DefaultClient, "HTTP/2": h2Client(false)} {
			t.Run("upstream of "+name+", client of "+client, func(t *testing.T) {
				res, err := c.Get("http://" + g.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if res.Header.Get("X-Responder") != "1" {
					t.Errorf("the plugin's response phase did not run: %v", res.Header)
				}
				lines := bufio.NewScanner(res.Body)
				for i := range 3 {
					if !lines.Scan() || lines.Text() != fmt.Sprintf("data: %d", i) {
						t.Fatalf("event %d: %q %v", i, lines.Text(), lines.Err())
					}
					lines.Scan()
					next <- true
				}
				if lines.Scan() || lines.Err() != nil {
					t.Errorf("behind the last event: %q %v", lines.Text(), lines.Err())
				}
			})
		}
	}
}

// TestUpstreamHTTP2Shares: requests to an upstream of HTTP/2 share a connection, and one of HTTP/1.1 is spoken to as before.
func TestUpstreamHTTP2Shares(t *testing.T) {
	var mu sync.Mutex
	peers := map[string]bool{}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr] = true
		mu.Unlock()
		fmt.Fprint(w, r.Proto)
	})
	g := startH2(t, httpsTo(h2Upstream(t, h)), "KONG_UPSTREAM_HTTP2=on", "KONG_NGINX_WORKER_PROCESSES=1")
	fetch := func(want string) {
		res, err := h2Client(false).Get("http://" + g.addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); string(b) != want {
			t.Errorf("got %q, want %q", b, want)
		}
	}
	fetch("HTTP/2.0")
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() { defer wg.Done(); fetch("HTTP/2.0") }()
	}
	wg.Wait()
	if len(peers) != 1 {
		t.Errorf("%d connections", len(peers))
	}
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	g = startH2(t, httpsTo(s.Listener.Addr().String()), "KONG_UPSTREAM_HTTP2=on")
	fetch("HTTP/1.1")
}

// What may become HTTP/2 in the clear or not waits like any part of a head, and the other connections of its worker go on.
func TestFirstBytesOfAPreface(t *testing.T) {
	g := startH2(t, `
_format_version: "3.0"
services:
- name: s
  url: http://127.0.0.1:1
  routes: [{paths: [/]}]
plugins:
- {name: request-termination, config: {status_code: 200, message: there}}
`, "KONG_NGINX_WORKER_PROCESSES=1")
	for _, first := range []string{"P", "PR", "PRI * HTTP/2.0\r\n"} {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte(first)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		client := &http.Client{Timeout: 5 * time.Second}
		resp, err := client.Get("http://" + g.addr + "/")
		if err != nil {
			t.Fatalf("after %q on another connection: %v", first, err)
		}
		resp.Body.Close()
		if len(first) > 1 {
			continue
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write([]byte("UT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if resp, err = http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
	}
}
