package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// trailed answers with the request's body, and tells in trailers what trailers it got.
func trailed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Got")
	w.Header().Set("Content-Type", "application/octet-stream")
	b, _ := io.ReadAll(r.Body)
	_, _ = w.Write(b)
	_ = http.NewResponseController(w).Flush()
	w.Header().Set("X-Got", strings.TrimSpace("response "+r.Trailer.Get("X-Sent")))
}

// endless is a body of unknown length that comes in pieces, so that it is not at hand with the head.
type endless struct {
	io.Reader
	trailer http.Header
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p[:min(len(p), 50_000)])
	if err == io.EOF {
		e.trailer.Set("X-Sent", "mine")
	}
	return n, err
}

// TestTrailers: trailers of requests and responses pass where either side speaks HTTP/2, and those of responses to clients
// of HTTP/1.1 that say TE: trailers. From HTTP/1.1 to HTTP/1.1 none pass, as recorded.
func TestTrailers(t *testing.T) {
	handler := http.HandlerFunc(trailed)
	for _, up := range []string{"HTTP/1.1", "HTTP/2"} {
		for _, buffering := range []string{"true", "false"} {
			more := "    request_buffering: " + buffering + "\n"
			conf, env := everythingTo(upstream(t, handler), more), "KONG_UPSTREAM_HTTP2=off"
			if up == "HTTP/2" {
				conf, env = httpsTo(h2Upstream(t, handler), more), "KONG_UPSTREAM_HTTP2=on"
			}
			g := startH2(t, conf, env)
			for name, c := range map[string]*http.Client{"HTTP/1.1": {Transport: &http.Transport{}}, "HTTP/2": h2Client(false)} {
				for _, te := range []string{"", "trailers"} {
					t.Run(fmt.Sprintf("%s to %s/request_buffering=%s/TE=%s", name, up, buffering, te), func(t *testing.T) {
						const size = 200_000
						req, _ := http.NewRequest("POST", "http://"+g.addr, nil)
						req.Trailer = http.Header{"X-Sent": nil}
						req.Body = io.NopCloser(&endless{strings.NewReader(strings.Repeat("x", size)), req.Trailer})
						if te != "" {
							req.Header.Set("TE", te)
						}
						res, err := c.Do(req)
						if err != nil {
							t.Fatal(err)
						}
						b, err := io.ReadAll(res.Body)
						res.Body.Close()
						if len(b) != size || err != nil {
							t.Errorf("%d bytes, %v", len(b), err)
						}
						want := ""
						if name == "HTTP/2" || up == "HTTP/2" && te != "" {
							want = "response"
							if up == "HTTP/2" || name == "HTTP/2" && buffering == "false" {
								want += " mine"
							}
						}
						if got := res.Trailer.Get("X-Got"); got != want {
							t.Errorf("got the trailer %q, want %q", got, want)
						}
					})
				}
			}
		}
	}
}

// TestTrailersBehindPlugins: a plugin that sees the whole response lets its trailers pass.
func TestTrailersBehindPlugins(t *testing.T) {
	for name, conf := range map[string]string{
		"HTTP/1.1": everythingTo(upstream(t, http.HandlerFunc(mirror)), "    plugins: [{name: responder}]\n"),
		"HTTP/2":   httpsTo(h2Upstream(t, http.HandlerFunc(mirror)), "    plugins: [{name: responder}]\n"),
	} {
		g := startH2(t, conf, "KONG_UPSTREAM_HTTP2=on", "KONG_PLUGINS=bundled,responder")
		res, err := h2Client(false).Post("http://"+g.addr, "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || res.Trailer.Get("X-Sum") == "" {
			t.Errorf("%s: %v %v", name, res.Trailer, err)
		}
	}
}
