package e2e

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The drills: peers that are slow, flood or go half. Each must end in time, hold little memory meanwhile, and leave
// nothing behind.

// TestDrills plays them on one gateway with short timeouts.
func TestDrills(t *testing.T) {
	var asked atomic.Int64
	up := rawUpstream(t, func(c net.Conn) { drillUpstream(c, &asked) })
	g := startH2(t, strings.Replace(everythingTo(up), "  retries: 5\n", "  retries: 0\n  read_timeout: 1000\n  write_timeout: 1000\n", 1),
		"KONG_NGINX_HTTP_SEND_TIMEOUT=1s", "KONG_NGINX_HTTP_CLIENT_HEADER_TIMEOUT=1s", "KONG_NGINX_HTTP_CLIENT_BODY_TIMEOUT=1s",
		"KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE=0")
	drills := []struct {
		name string
		run  func(t *testing.T, g *h2gibbon)
	}{
		{"slow-client", drillSlowClient}, {"slow-upstream", drillSlowUpstream}, {"half-close", drillHalfClose},
		{"reset-flood", func(t *testing.T, g *h2gibbon) { drillResetFlood(t, g, &asked) }},
	}
	g.fine(t)
	for _, d := range drills {
		t.Run(d.name, func(t *testing.T) {
			fds, rss := g.process(t)
			most := g.watch(t)
			began := time.Now()
			d.run(t, g)
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("took %s", took)
			}
			g.fine(t)
			if m := most(); m > rss+96 {
				t.Errorf("resident memory rose from %d to %d MB", rss, m)
			}
			g.settles(t, fds)
		})
	}
}

// drillUpstream answers by path: /big never ends, /mute says nothing, /stop stops within its body, /deaf reads nothing.
func drillUpstream(c net.Conn, asked *atomic.Int64) {
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		asked.Add(1)
		_, path, _ := bytes.Cut(b[:n], []byte(" "))
		path, _, _ = bytes.Cut(path, []byte(" "))
		switch string(path) {
		case "/big":
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
			for {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		case "/mute", "/deaf":
			time.Sleep(4 * time.Second)
			return
		case "/stop":
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
			time.Sleep(4 * time.Second)
			return
		default:
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine") // a failure shows in the next Read
		}
	}
}

// settles waits until the gateway has few more descriptors than fds.
func (g *h2gibbon) settles(t *testing.T, fds int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		now, _ := g.process(t)
		if now <= fds+8 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("descriptors rose from %d to %d", fds, now)
		}
	}
}

// fine checks that the gateway serves others.
func (g *h2gibbon) fine(t *testing.T) {
	t.Helper()
	res, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + g.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); string(b) != "fine" {
		t.Errorf("%s %q", res.Status, b)
	}
}

// watch gives what tells the most resident memory since then, in MB.
func (g *h2gibbon) watch(t *testing.T) func() int {
	stop, done := make(chan struct{}), make(chan int, 1)
	go func() {
		most := 0
		for {
			_, rss := g.process(t)
			most = max(most, rss)
			select {
			case <-stop:
				done <- most
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	end := sync.OnceValue(func() int { close(stop); return <-done })
	t.Cleanup(func() { end() })
	return end
}

// slowly connects with small socket buffers, over TLS or in the clear.
func (g *h2gibbon) slowly(t *testing.T, secure bool, protocol string) net.Conn {
	t.Helper()
	addr := g.addr
	if secure {
		addr = g.secure
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	_ = c.SetDeadline(time.Now().Add(40 * time.Second))
	if secure {
		return tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
	}
	return c
}

// drillSlowClient: clients that do not read an endless answer, or never end their head or body, are given up while they are still there.
func drillSlowClient(t *testing.T, g *h2gibbon) {
	fds, _ := g.process(t)
	var wg sync.WaitGroup
	for range 20 {
		for _, secure := range []bool{false, true} {
			for _, head := range []string{"GET /big HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", ""} {
				c := g.slowly(t, secure, map[bool]string{true: "h2", false: "http/1.1"}[head == ""])
				wg.Add(1)
				go func() {
					defer wg.Done()
					if head == "" {
						_ = openStreams(c, "/big", 8)
					} else {
						_, _ = io.WriteString(c, head)
					}
				}()
			}
		}
	}
	wg.Wait()
	g.settles(t, fds)
}

// openStreams begins HTTP/2 and asks for path on n streams, with windows that never close.
func openStreams(c net.Conn, path string, n int) error {
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return err
	}
	fr := http2.NewFramer(c, c)
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
	_ = fr.WriteWindowUpdate(0, 1<<30)
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := range n {
		if err := fr.WriteHeaders(streamHead(enc, &block, path, uint32(2*i+1))); err != nil {
			return err
		}
	}
	return nil
}

func streamHead(enc *hpack.Encoder, block *bytes.Buffer, path string, id uint32) http2.HeadersFrameParam {
	block.Reset()
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "a"}, {Name: ":path", Value: path}} {
		_ = enc.WriteField(f)
	}
	return http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}
}

// drillSlowUpstream: upstreams that do not answer, stop within an answer, or do not read.
func drillSlowUpstream(t *testing.T, g *h2gibbon) {
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := h2Client(i%2 == 0)
			defer c.CloseIdleConnections()
			url := "http://" + g.addr
			if i%2 == 0 {
				url = "https://" + g.secure
			}
			path := []string{"/mute", "/stop", "/deaf"}[i%3]
			var body io.Reader
			if path == "/deaf" {
				body = bytes.NewReader(make([]byte, 8<<20))
			}
			began := time.Now()
			req, _ := http.NewRequest("POST", url+path, body)
			res, err := c.Do(req)
			switch {
			case path == "/stop" && err == nil:
				if b, err := io.ReadAll(res.Body); err == nil {
					t.Errorf("%s: %q ends as if whole", path, b)
				}
			case err != nil || res.StatusCode != 504:
				t.Errorf("%s: %v %v", path, res, err)
			}
			if res != nil {
				res.Body.Close()
			}
			if d := time.Since(began); d < 900*time.Millisecond || d > 10*time.Second {
				t.Errorf("%s: over after %s", path, d)
			}
		}()
	}
	wg.Wait()
}

// drillHalfClose: clients that end their half behind a request, in its middle, or at once, are let go while their other half is open.
func drillHalfClose(t *testing.T, g *h2gibbon) {
	fds, _ := g.process(t)
	for range 30 {
		for _, sent := range []string{"", "GET / HTT", "GET /mute HTTP/1.1\r\nHost: a\r\n\r\n", "GET /big HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", http2.ClientPreface} {
			c := g.slowly(t, false, "")
			_, _ = io.WriteString(c, sent)
			_ = c.(*net.TCPConn).CloseWrite()
		}
	}
	time.Sleep(300 * time.Millisecond) // until all are accepted
	g.settles(t, fds)
}

// drillResetFlood: a client of HTTP/2 that resets what it asks for, as fast as it can (CVE-2023-44487).
func drillResetFlood(t *testing.T, g *h2gibbon, asked *atomic.Int64) {
	before := asked.Load()
	var wg sync.WaitGroup
	for i := range 8 {
		c := g.slowly(t, i%2 == 0, "h2")
		wg.Add(1)
		go func() {
			defer wg.Done()
			code := make(chan http2.ErrCode, 1)
			if err := openStreams(c, "/mute", 0); err != nil {
				t.Error(err)
				return
			}
			fr := http2.NewFramer(c, c)
			go func() {
				for {
					f, err := fr.ReadFrame()
					if g, ok := f.(*http2.GoAwayFrame); ok && g.ErrCode != http2.ErrCodeNo {
						code <- g.ErrCode
					}
					if err != nil {
						close(code)
						return
					}
				}
			}()
			var block bytes.Buffer
			enc := hpack.NewEncoder(&block)
			var err error
			for id := uint32(1); id < 100_000 && err == nil; id += 2 {
				if err = fr.WriteHeaders(streamHead(enc, &block, "/mute", id)); err == nil {
					err = fr.WriteRSTStream(id, http2.ErrCodeCancel)
				}
			}
			if got := <-code; got != http2.ErrCodeEnhanceYourCalm && err == nil {
				t.Errorf("the flood ended with %v, %v", got, err)
			}
		}()
	}
	wg.Wait()
	if n := asked.Load() - before; n > 8*2000 {
		t.Errorf("the upstream was asked %d times", n)
	}
}
