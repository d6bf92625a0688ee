package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// timeoutsTo is everythingTo with timeouts of the service in milliseconds.
func timeoutsTo(addr string, read, write int, more ...string) string {
	return strings.Replace(everythingTo(addr, more...), "  retries: 5\n", fmt.Sprintf("  retries: 0\n  read_timeout: %d\n  write_timeout: %d\n", read, write), 1)
}

// read_timeout is the upstream's time: a client that pauses does not use it up.
func TestClientPausesLongerThanReadTimeout(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 2<<20)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if r.Method == "PUT" {
			fmt.Fprint(w, n)
			return
		}
		_, _ = w.Write(big)
	})
	for name, to := range map[string]string{"HTTP/1": timeoutsTo(upstream(t, h), 300, 300, "    request_buffering: false\n    response_buffering: false"),
		"HTTP/2": strings.Replace(timeoutsTo(h2Upstream(t, h), 300, 300, "    request_buffering: false"), "http://", "https://", 1)} {
		g := startH2(t, to, "KONG_UPSTREAM_HTTP2=on")
		for client, c := range map[string]*http.Client{"HTTP/1": http.DefaultClient, "HTTP/2": h2Client(false)} {
			t.Run(client+" to "+name, func(t *testing.T) {
				resp, err := c.Get("http://" + g.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				time.Sleep(time.Second)
				if b, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(b, big) {
					t.Errorf("%d bytes of %d: %v", len(b), len(big), err)
				}
				r, w := io.Pipe()
				go func() {
					fmt.Fprint(w, "first")
					time.Sleep(time.Second)
					fmt.Fprint(w, "second")
					w.Close()
				}()
				req, _ := http.NewRequest("PUT", "http://"+g.addr, r)
				resp, err = c.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(b) != "11" {
					t.Errorf("upload: %s, %q", resp.Status, b)
				}
			})
		}
	}
}

// write_timeout bounds how long an upstream may take nothing of a request.
func TestWriteTimeout(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	up := rawUpstream(t, func(c net.Conn) { <-stop })
	for _, buffering := range []bool{true, false} {
		g := start(t, timeoutsTo(up, 8000, 400, fmt.Sprintf("    request_buffering: %v", buffering)))
		began, conn := time.Now(), dial(t, g.addr)
		go func() {
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 16<<20)
			_, _ = conn.Write(make([]byte, 16<<20))
		}()
		resp, err := http.ReadResponse(conn.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); resp.StatusCode != 504 || took < 400*time.Millisecond || took > 6*time.Second {
			t.Errorf("buffering %v: %s after %v", buffering, resp.Status, took)
		}
	}
}
