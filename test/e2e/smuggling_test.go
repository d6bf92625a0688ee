package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// hidden is a request that no upstream may ever see: it is inside what is, read one way, the body of another.
const hidden = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

func TestSmuggling(t *testing.T) {
	var mu sync.Mutex
	var paths []string
	g := start(t, everythingTo(upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.RequestURI)
		mu.Unlock()
	}))))
	post := "POST /p HTTP/1.1\r\nHost: a\r\n"
	for name, request := range map[string]string{
		"length and chunks":         post + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 5+len(hidden)) + hidden,
		"chunks and length":         post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + fmt.Sprintf("%x\r\n", len(hidden)) + hidden + "\r\n0\r\n\r\n",
		"two lengths":               post + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n", len(hidden)) + hidden,
		"two lengths in a list":     post + fmt.Sprintf("Content-Length: 0, %d\r\n\r\n", len(hidden)) + hidden,
		"length with a plus":        post + fmt.Sprintf("Content-Length: +%d\r\n\r\n", len(hidden)) + hidden,
		"negative length":           post + "Content-Length: -1\r\n\r\n" + hidden,
		"length in hex":             post + fmt.Sprintf("Content-Length: 0x%x\r\n\r\n", len(hidden)) + hidden,
		"length with inner space":   post + "Content-Length: 3 5\r\n\r\n" + hidden,
		"length that overflows":     post + "Content-Length: 18446744073709551616\r\n\r\n" + hidden,
		"empty length":              post + "Content-Length:\r\n\r\n" + hidden,
		"space before the colon":    post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"tab before the colon":      post + "Content-Length\t: 5\r\n\r\n" + hidden,
		"unknown coding":            post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked twice":             post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked not last":          post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden,
		"identity":                  post + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc" + hidden,
		"coding in two fields":      post + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"vertical tab before it":    post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + hidden,
		"quoted coding":             post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" + hidden,
		"folded field":              post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + hidden,
		"fold in the first field":   "POST /p HTTP/1.1\r\n Host: a\r\nContent-Length: 0\r\n\r\n" + hidden,
		"bare LF":                   "POST /p HTTP/1.1\nHost: a\nContent-Length: 0\n\n" + hidden,
		"bare CR in a value":        post + "X: a\rTransfer-Encoding: chunked\r\n\r\n" + hidden,
		"NUL in a value":            post + "X: a\x00b\r\nContent-Length: 0\r\n\r\n" + hidden,
		"NUL in a name":             post + "X\x00: a\r\nContent-Length: 0\r\n\r\n" + hidden,
		"no Host":                   "POST /p HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + hidden,
		"two Hosts":                 post + "Host: b\r\nContent-Length: 0\r\n\r\n" + hidden,
		"a field without a colon":   post + "Transfer-Encoding\r\n\r\n" + hidden,
		"an empty name":             post + ": chunked\r\n\r\n" + hidden,
		"chunk size in 0x":          post + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" + hidden,
		"negative chunk size":       post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n" + hidden,
		"chunk size that overflows": post + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n" + hidden,
		"space before chunk size":   post + "Transfer-Encoding: chunked\r\n\r\n 0\r\n\r\n" + hidden,
		"chunk longer than said":    post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n" + hidden,
		"chunk ended by LF":         post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n" + hidden,
		"LF in a chunk extension":   post + "Transfer-Encoding: chunked\r\n\r\n3;a\nX\r\nabc\r\n0\r\n\r\n" + hidden,
		"bad trailer":               post + "Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n" + hidden,
		"HTTP/1.0 with chunks":      "POST /p HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + hidden,
		"unknown version":           "POST /p HTTP/1.9\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
		"space in the target":       "POST /p HTTP/1.1 x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + hidden,
		"control in the target":     "POST /p\x0b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			mu.Lock()
			paths = nil
			mu.Unlock()
			got := raw(t, g.addr, request)
			mu.Lock()
			defer mu.Unlock()
			if strings.HasPrefix(got, "HTTP/1.1 2") {
				t.Errorf("was accepted: %q", got)
			}
			for _, p := range paths {
				if p == "/smuggled" {
					t.Errorf("the hidden request reached the upstream; client got %q", got)
				}
			}
			if strings.Count(got, "HTTP/1.1 ") > 1 {
				t.Errorf("the connection went on after a request that has no clear end: %q", got)
			}
		})
	}
}

// What an upstream answers may be no better. The client must get a 502 or a cut connection, and the upstream connection may serve nobody else.
func TestBadAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"length and chunks":      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"two lengths":            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"length no number":       "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
		"unknown coding":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, x\r\n\r\nabc",
		"chunk size no number":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"chunk longer than said": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
		"no status":              "HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
		"no HTTP at all":         "hello there, this is not HTTP\r\n\r\n",
		"NUL in a value":         "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
		"space before the colon": "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
		"an endless head":        "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: 0123456789\r\n", 50000),
		"an early end":           "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, everythingTo(rawUpstream(t, func(c net.Conn) {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					c.Write([]byte(answer))
				}
			})))
			got := raw(t, g.addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			complete := strings.HasSuffix(got, "0\r\n\r\n") || strings.Contains(got, "Content-Length: 3\r\n")
			if strings.HasPrefix(got, "HTTP/1.1 2") && complete {
				t.Errorf("the client got a complete answer: %q", got)
			}
		})
	}
}

// An upstream that sends more than it was asked for: the surplus is nobody's answer.
func TestSurplusAnswer(t *testing.T) {
	g := start(t, everythingTo(rawUpstream(t, func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmineHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"))
		}
	})))
	c := client()
	for range 20 {
		if _, body := get(t, c, "http://"+g.addr+"/"); body != "mine" {
			t.Fatalf("got %q", body)
		}
	}
}
