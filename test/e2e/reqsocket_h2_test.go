package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func (g *gibbon) h2Post(t *testing.T, c *http.Client, ctx context.Context, code string, body io.Reader) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+g.addr+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Code", strings.Join(strings.Fields(prelude+code), " "))
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// TestReqSocketOverHTTP2 reads the bodies of HTTP/2 requests as streams, which the reference refuses.
//
// Documented rows 223, 225, 226, lifted: over HTTP/2 as over HTTP/1.1.
// Documented row 224: the raw socket is HTTP/1.1's alone.
func TestReqSocketOverHTTP2(t *testing.T) {
	up := upstream(t, http.HandlerFunc(digest))
	g := start(t, everythingTo(up, "    plugins: [{name: snippet}]\n"), "KONG_PLUGINS=bundled,snippet", "KONG_PROXY_LISTEN=ADDR http2")
	client := h2Client(false)
	for _, c := range []struct{ name, code, body, want string }{
		{"row 223: lines, counts, patterns", socket + `say(s:receive()) say(s:receive(3)) local till = s:receiveuntil("--") say(till()) say(s:receiveany(100)) say(s:receive("*l")) return reply()`,
			"one\r\ntwothree--four", `"one"; "two"; "three"; "four"; nil "closed" ""`},
		{"row 223: all of it, and no send", socket + `say(s:receive("*a")) say(s:receive("*a")) say(s.send) return reply()`, "all", `"all"; ""; nil`},
		{"row 224: raw", `say(ngx.req.socket(true)) return reply()`, "x", `nil "http v2 not supported yet"`},
		{"row 226: body taken before", `ngx.req.read_body() say(ngx.req.socket()) return reply()`, "x", `nil "request body already exists"`},
		{"row 226: body dropped before", `ngx.req.discard_body() say(ngx.req.socket()) return reply()`, "x", `nil "request body discarded"`},
		{"taken twice", socket + `say(ngx.req.socket()) return reply()`, "x", `nil "duplicate call"`},
		{"no body", `say(ngx.req.socket()) return reply()`, "", `nil "no body"`},
		{"partly read", socket + `say(s:receive(2)) return reply()`, strings.Repeat("x", 100000), `"xx"`},
		{"read, then proxied", socket + `s:receive("*a") kong.service.request.set_raw_body("own")`, "x", "upstream 3 3 " + sum([]byte("own")) + " <nil>"},
		{"timeout", socket + `s:settimeout(50) say(s:receive(2)) say(s:receive(1)) return reply()`, "ab!", `"ab"; "!"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body io.Reader
			if c.body != "" {
				body = strings.NewReader(c.body)
			}
			if got, err := g.h2Post(t, client, t.Context(), c.code, body); got != c.want || err != nil {
				t.Errorf("%s, %v\nwant %s", got, err, c.want)
			}
		})
	}
	t.Run("as it comes", func(t *testing.T) { h2AsItComes(t, g, client) })
	t.Run("timeout", func(t *testing.T) { h2Timeout(t, g, client) })
	t.Run("backpressure", func(t *testing.T) { h2Backpressure(t, g, client) })
	t.Run("client resets", func(t *testing.T) { h2Resets(t, g, client) })
}

// h2AsItComes: each piece is there before the next one is sent.
func h2AsItComes(t *testing.T, g *gibbon, client *http.Client) {
	r, w := io.Pipe()
	go func() {
		for i := range 3 {
			time.Sleep(50 * time.Millisecond)
			fmt.Fprintf(w, "piece %d", i)
		}
		w.Close()
	}()
	got, err := g.h2Post(t, client, t.Context(), socket+`while true do local d, err = s:receiveany(1000) say(d, err) if not d then return reply() end end`, r)
	if want := `"piece 0" nil; "piece 1" nil; "piece 2" nil; nil "closed"`; got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func h2Timeout(t *testing.T, g *gibbon, client *http.Client) {
	r, w := io.Pipe()
	go func() {
		_, _ = w.Write([]byte("abc"))
		time.Sleep(500 * time.Millisecond)
		w.Close()
	}()
	got, err := g.h2Post(t, client, t.Context(), socket+`s:settimeout(100) say(s:receive(5)) return reply()`, r)
	if want := `nil "timeout" "abc"`; got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

// counted notes how much was read of it.
type counted struct {
	io.Reader
	n atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// h2Backpressure: while the plugin sleeps the client may send no more than its window.
func h2Backpressure(t *testing.T, g *gibbon, client *http.Client) {
	const size = 32 << 20
	body := &counted{Reader: bytes.NewReader(pattern(size))}
	go func() {
		time.Sleep(400 * time.Millisecond)
		if n := body.n.Load(); n > 2<<20 {
			t.Errorf("%d bytes were taken while the plugin slept", n)
		}
	}()
	code := socket + `ngx.sleep(0.6) local n = 0 local resty = require("resty.md5"):new() while true do local d, err = s:receiveany(65536)
		if not d then say(n, require("resty.string").to_hex(resty:final()), err) return reply() end n = n + #d resty:update(d) end`
	got, err := g.h2Post(t, client, t.Context(), code, body)
	if want := fmt.Sprintf("%d %q %q", size, sum(pattern(size)), "closed"); got != want || err != nil {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}

// h2Resets: a client that gives its stream up within the body.
func h2Resets(t *testing.T, g *gibbon, client *http.Client) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	go func() {
		_, _ = w.Write([]byte("abc"))
		time.Sleep(100 * time.Millisecond)
		cancel()
	}()
	code := socket + `local d, err, part = s:receive(5) ngx.log(ngx.WARN, "the reader got ", tostring(d), " ", err, " ", part)`
	if _, err := g.h2Post(t, client, ctx, code, r); err == nil {
		t.Error("there is an answer")
	}
	if !g.logs("the reader got nil client aborted abc") && !g.logs("the reader got nil closed abc") {
		t.Errorf("the plugin does not learn of it\n%s", g.log())
	}
}
