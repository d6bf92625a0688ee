package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// debugged is X-Kong-Request-Debug-Output.
type debugged struct {
	debugNode
	RequestID string   `json:"request_id"`
	Without   *float64 `json:"total_time_without_upstream"`
	Truncated bool     `json:"truncated"`
}

type debugNode struct {
	Total    float64              `json:"total_time"`
	CacheHit *bool                `json:"cache_hit"`
	Child    map[string]debugNode `json:"child"`
}

// at walks down the children, nil where one is missing.
func (n *debugNode) at(names ...string) *debugNode {
	for _, name := range names {
		c, ok := n.Child[name]
		if !ok {
			return nil
		}
		n = &c
	}
	return n
}

// debugRequest asks path with header fields; nil = no output came.
func debugRequest(t *testing.T, g *gibbon, path string, fields ...string) *debugged {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+g.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	text := res.Header.Get("X-Kong-Request-Debug-Output")
	if text == "" {
		return nil
	}
	var d debugged
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if d.RequestID != res.Header.Get("X-Kong-Request-Id") {
		t.Errorf("request_id %q is not that of the response: %q", d.RequestID, res.Header.Get("X-Kong-Request-Id"))
	}
	return &d
}

const debugPlugins = `  plugins:
  - {name: correlation-id, id: 11111111-1111-4111-8111-111111111111}
  - name: pre-function
    id: 22222222-2222-4222-8222-222222222222
    config:
      access: ["ngx.sleep(0.02) if kong.request.get_path() == '/exit' then kong.response.exit(418, 'no') end"]
      body_filter: ["local x"]
  - name: post-function
    config:
      access: ["kong.service.request.set_header('X-Sees', kong.request.get_header('X-Kong-Request-Debug-Token') or 'nothing')"]
`

func TestRequestDebug(t *testing.T) {
	seen := make(chan http.Header, 100)
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		time.Sleep(10 * time.Millisecond)
		io.WriteString(w, "body")
	}))
	up = "localhost:" + up[strings.LastIndexByte(up, ':')+1:]
	g := start(t, everythingTo(up, debugPlugins), "KONG_UNTRUSTED_LUA=on")
	const asked = "X-Kong-Request-Debug"
	d := debugRequest(t, g, "/", asked, "*", "X-Kong-Request-Debug-Log", "true")
	if d == nil {
		t.Fatal("no output")
	}
	slept := d.at("access", "plugins", "pre-function", "22222222-2222-4222-8222-222222222222")
	if slept == nil || slept.Total < 19 || d.at("access").Total < slept.Total {
		t.Errorf("the plugin that sleeps 20 ms: %+v of %+v", slept, d.at("access"))
	}
	if other := d.at("access", "plugins", "correlation-id"); other == nil || other.Total > 19 {
		t.Errorf("a plugin beside it: %+v", other)
	}
	if u := d.at("upstream"); u == nil || u.Total < 9 || u.at("time_to_first_byte") == nil || u.at("streaming") != nil ||
		d.Without == nil || *d.Without > d.Total-9 {
		t.Errorf("the upstream takes 10 ms: %+v, total %v without %v", u, d.Total, d.Without)
	}
	if n := d.at("balancer", "dns", "localhost", "resolve"); n == nil || n.CacheHit == nil {
		t.Errorf("dns: %+v", d.at("balancer"))
	}
	if d.at("rewrite") == nil || d.at("access", "router") == nil || d.at("header_filter") == nil || d.at("body_filter") != nil || d.at("log") != nil {
		t.Errorf("phases: %+v", d)
	}
	waitFor(t, g, "[request-debug] id: "+d.RequestID)
	line := ""
	for l := range strings.Lines(g.log()) {
		if strings.Contains(l, "id: "+d.RequestID) {
			line = l
		}
	}
	text := line[strings.Index(line, "output: ")+8:]
	var whole debugged
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&whole); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if !strings.Contains(line, "[notice]") || whole.at("upstream", "streaming") == nil || whole.at("log") == nil ||
		whole.at("body_filter", "plugins", "pre-function") == nil || whole.Total < d.Total {
		t.Errorf("the log has %s", line)
	}

	if d := debugRequest(t, g, "/", asked, "upstream, header_filter"); d == nil || len(d.Child) != 2 || d.at("upstream") == nil {
		t.Errorf("two phases were asked for: %+v", d)
	}
	if d := debugRequest(t, g, "/exit", asked, "*"); d == nil || d.Without != nil || d.at("upstream") != nil || d.at("access").Total < 19 {
		t.Errorf("a plugin's answer: %+v", d)
	}
	if d := debugRequest(t, g, "/nothing", asked, "*"); d == nil || d.at("access", "router") == nil {
		t.Errorf("a second time: %+v", d)
	}
	for _, fields := range [][]string{
		{}, {asked, ""}, {asked, "true"}, {asked, "access,any"}, {asked, "*", "X-Forwarded-For", "192.0.2.1"}, {asked, "*", "X-Real-IP", "127.0.0.1"},
		{asked, "*", "X-Forwarded-For", "192.0.2.1", "X-Kong-Request-Debug-Token", "wrong"}, {"X-Kong-Request-Debug-Token", g.debugToken(t)},
	} {
		if d := debugRequest(t, g, "/", fields...); d != nil {
			t.Errorf("%v: %+v", fields, d)
		}
	}
	for len(seen) > 0 {
		<-seen
	}
	token := g.debugToken(t)
	if d := debugRequest(t, g, "/", asked, "*", "X-Forwarded-For", "192.0.2.1", "X-Kong-Request-Debug-Token", token); d == nil {
		t.Error("the token lets in")
	}
	if h := <-seen; h.Get("X-Kong-Request-Debug-Token") != "" || h.Get("X-Sees") != "nothing" || h.Get(asked) != "*" {
		t.Errorf("the upstream sees %v", h)
	}
	if strings.Contains(g.log(), token) {
		t.Error("the token is in the log")
	}
	if err := g.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, g, "configuration reloaded")
	if next := g.debugToken(t); next == token {
		t.Error("a reload makes a new token")
	}
}

// debugToken is what the prefix keeps.
func (g *gibbon) debugToken(t *testing.T) string {
	t.Helper()
	path := filepath.Join(g.prefix, ".request_debug_token")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := os.Stat(path); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: %v, %v", s.Mode(), err)
	}
	return string(b)
}

func TestRequestDebugSettings(t *testing.T) {
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	g := start(t, everythingTo(up), "KONG_REQUEST_DEBUG_TOKEN=sesame")
	if got := g.debugToken(t); got != "sesame" {
		t.Errorf("token %q", got)
	}
	fields := []string{"X-Kong-Request-Debug", "*", "X-Forwarded-For", "192.0.2.1", "X-Kong-Request-Debug-Token", "sesame"}
	if d := debugRequest(t, g, "/", fields...); d == nil {
		t.Error("the token of the settings lets in")
	}
	g = start(t, everythingTo(up), "KONG_REQUEST_DEBUG=off", "KONG_REQUEST_DEBUG_TOKEN=sesame")
	if d := debugRequest(t, g, "/", "X-Kong-Request-Debug", "*", "X-Kong-Request-Debug-Token", "sesame"); d != nil {
		t.Errorf("switched off: %+v", d)
	}
	if _, err := os.Stat(filepath.Join(g.prefix, ".request_debug_token")); !os.IsNotExist(err) {
		t.Errorf("switched off, and its file: %v", err)
	}
}
