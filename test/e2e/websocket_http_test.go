package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestWebSocketOfHTTPService: a WebSocket through a service of http is a request
// as any other: its handlers run, and frames pass unseen.
//
// Documented row 82.
func TestWebSocketOfHTTPService(t *testing.T) {
	g := start(t, fmt.Sprintf(`_format_version: "3.0"
services:
- name: http
  url: http://%s
  routes: [{name: http, paths: [/http]}]
  plugins:
  - {name: frames, config: {}, protocols: [http, https, ws, wss]}
  - name: pre-function
    config:
      header_filter: ['kong.response.set_header("X-Filtered", "yes")']
`, rawUpstream(t, echoServer)), "KONG_PLUGINS=bundled,frames")
	c := g.open(t, "/http", "", nil)
	if c.Answer.Header.Get("X-Filtered") != "yes" {
		t.Errorf("header_filter did not run: %v", c.Answer.Header)
	}
	text(t, c, "!upper")
	wantNext(t, c, "text !upper")
	c.Close()
	log := ""
	for range 50 { // lines are written behind the request's back
		if log = g.log(); strings.Contains(log, "HTTP phase log") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !strings.Contains(log, "HTTP phase access") || strings.Contains(log, "ws_handshake") {
		t.Error("the plugin's phases are not those of requests: see the log")
	}
}
