package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// hints answers with early hints, as many as the query says, and with what no client is to see.
func hints(w http.ResponseWriter, r *http.Request) {
	n := 2
	_, _ = fmt.Sscan(r.URL.Query().Get("n"), &n)
	h := w.Header()
	for i := range n {
		h.Set("Link", fmt.Sprintf("</%d.css>; rel=preload", i))
		w.WriteHeader(http.StatusEarlyHints)
	}
	w.WriteHeader(http.StatusProcessing)
	h.Set("X-Final", "yes")
	h.Del("Link")
	fmt.Fprint(w, "body")
}

// TestEarlyHints: 103 passes from any protocol to clients of HTTP/2, a bounded number of times, and no other interim response does.
func TestEarlyHints(t *testing.T) {
	for up, conf := range map[string]string{
		"HTTP/1.1": everythingTo(upstream(t, http.HandlerFunc(hints))),
		"HTTP/2":   httpsTo(h2Upstream(t, http.HandlerFunc(hints))),
		"plugin":   everythingTo(upstream(t, http.HandlerFunc(hints)), "    plugins: [{name: responder}]\n"),
	} {
		g := startH2(t, conf, "KONG_UPSTREAM_HTTP2=on", "KONG_PLUGINS=bundled,responder")
		for name, c := range map[string]*http.Client{"HTTP/1.1": {Transport: &http.Transport{}}, "HTTP/2": h2Client(false)} {
			for _, n := range []int{0, 2, 40} {
				var got []string
				req, _ := http.NewRequest("GET", fmt.Sprintf("http://%s/?n=%d", g.addr, n), nil)
				req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
					Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
						got = append(got, fmt.Sprint(code, " ", h.Get("Link"), h.Get("Connection")))
						return nil
					}}))
				res, err := c.Do(req)
				if err != nil {
					t.Fatalf("%s to %s, %d: %v", name, up, n, err)
				}
				b, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || !strings.Contains(string(b), "body") || res.Header.Get("X-Final") != "yes" || res.Header.Get("Link") != "" {
					t.Errorf("%s to %s, %d: %s %v %v", name, up, n, b, res.Header, err)
				}
				want := min(n, 8)
				if name == "HTTP/1.1" {
					want = 0
				}
				if len(got) != want || want > 0 && got[0] != "103 </0.css>; rel=preload" {
					t.Errorf("%s to %s, %d: %q", name, up, n, got)
				}
			}
		}
		conn, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprint(conn, "GET / HTTP/1.0\r\nHost: a\r\n\r\n")
		b, _ := io.ReadAll(conn)
		conn.Close()
		if strings.Contains(string(b), " 103") {
			t.Errorf("a client of HTTP/1.0 got %q", b)
		}
	}
}
