package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// attempts is an upstream that resets its first connection when it is told to, and answers the requests of others with what
// it got as their body.
type attempts struct {
	addr  string
	first chan struct{} // the first part of the body is there
	reset chan struct{} // close the first connection
	mu    sync.Mutex
	later []string
}

func newAttempts(t *testing.T) *attempts {
	a := &attempts{first: make(chan struct{}), reset: make(chan struct{})}
	var n int
	a.addr = rawUpstream(t, func(c net.Conn) {
		a.mu.Lock()
		n++
		first := n == 1
		a.mu.Unlock()
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if first {
			_, _ = io.ReadFull(req.Body, make([]byte, len("first,")))
			close(a.first)
			<-a.reset
			_ = c.(*net.TCPConn).SetLinger(0)
			return
		}
		b, err := io.ReadAll(req.Body)
		a.mu.Lock()
		a.later = append(a.later, fmt.Sprintf("%s %q %v", req.Method, b, err))
		a.mu.Unlock()
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	return a
}

// accessCode is a pre-function for the route of everythingTo.
func accessCode(lua string) string {
	return "    plugins:\n    - name: pre-function\n      config:\n        access:\n        - |\n          " + lua + "\n"
}

// A body that is streamed to an upstream which resets the connection must not go to the next one without its beginning, in
// whatever order the loop learns of the reset and of the rest.
func TestStreamedBodyIsNotSentInPart(t *testing.T) {
	spin := accessCode("if kong.request.get_path() == '/spin' then local t = os.clock() + 0.3 while os.clock() < t do end return kong.response.exit(204) end")
	for _, c := range []struct{ name, framing, rest string }{
		{"chunks", "Transfer-Encoding: chunked\r\n\r\n6\r\nfirst,\r\n", "6\r\nsecond\r\n0\r\n\r\n"},
		{"length", "Content-Length: 12\r\n\r\nfirst,", "second"},
	} {
		t.Run(c.name, func(t *testing.T) {
			up := newAttempts(t)
			g := start(t, everythingTo(up.addr, "    request_buffering: false", spin), "KONG_NGINX_WORKER_PROCESSES=1", "KONG_UNTRUSTED_LUA=on")
			conn := dial(t, g.addr)
			conn.send("PUT / HTTP/1.1\r\nHost: a\r\n", c.framing)
			<-up.first
			busy := dial(t, g.addr)
			busy.send("GET /spin HTTP/1.1\r\nHost: a\r\n\r\n")
			time.Sleep(100 * time.Millisecond) // the loop is busy: it will see the rest of the body first
			conn.send(c.rest)
			close(up.reset)
			resp, err := http.ReadResponse(conn.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != 502 {
				t.Errorf("status %d", resp.StatusCode)
			}
			up.mu.Lock()
			defer up.mu.Unlock()
			if len(up.later) > 0 {
				t.Errorf("another try: %s", strings.Join(up.later, "; "))
			}
		})
	}
}

// A request that finds its pooled connection closed goes to another one, but what must not be done twice only if the
// upstream cannot have got it.
func TestRequestOnAClosedConnection(t *testing.T) {
	for _, c := range []struct {
		method string
		// early: the upstream closes before the request is sent, else once it has read it.
		early  bool
		status int
		seen   int
	}{
		{"GET", true, 200, 1}, {"POST", true, 200, 1}, {"GET", false, 200, 2}, {"POST", false, 502, 1},
	} {
		t.Run(fmt.Sprintf("%s, early %v", c.method, c.early), func(t *testing.T) {
			var mu sync.Mutex
			conns, seen := 0, 0
			leave := make(chan struct{})
			up := rawUpstream(t, func(conn net.Conn) {
				mu.Lock()
				conns++
				first := conns == 1
				mu.Unlock()
				r := bufio.NewReader(conn)
				for i := 0; ; i++ {
					if first && c.early && i == 1 {
						<-leave
						return
					}
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if req.URL.Path == "/slow" {
						mu.Lock()
						seen++
						mu.Unlock()
						if first {
							return
						}
					}
					fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			})
			g := start(t, everythingTo(up, "    strip_path: false", accessCode("if kong.request.get_path() == '/slow' then local t = os.clock() + 0.2 while os.clock() < t do end end")),
				"KONG_NGINX_WORKER_PROCESSES=1", "KONG_UNTRUSTED_LUA=on")
			conn := dial(t, g.addr)
			conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if got := conn.answer(); got != "ok" {
				t.Fatal(got)
			}
			conn.send(c.method + " /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
			time.Sleep(80 * time.Millisecond) // its handler runs: the loop will not hear of the end before it sends
			close(leave)
			resp, err := http.ReadResponse(conn.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if resp.StatusCode != c.status || seen != c.seen {
				t.Errorf("status %d, seen %d times", resp.StatusCode, seen)
			}
		})
	}
}
