package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/websocket/conformance"
)

// TestWebSocketGuards: plugins that keep requests out keep WebSockets out, with the protocols that they have when none
// are named, and the consumer that they find chooses the configurations of the phases behind.
func TestWebSocketGuards(t *testing.T) {
	up := rawUpstream(t, echoServer)
	g := start(t, fmt.Sprintf(`_format_version: "3.0"
consumers:
- username: ann
  keyauth_credentials: [{key: ann-key}]
  basicauth_credentials: [{username: ann, password: secret}]
  acls: [{group: chat}]
- username: bob
  keyauth_credentials: [{key: bob-key}]
  acls: [{group: other}]
- username: cid
  keyauth_credentials: [{key: cid-key}]
  acls: [{group: chat}]
  plugins:
  - {name: websocket-size-limit, config: {client_max_payload: 8}}
services:
- name: keys
  url: ws://%[1]s
  routes: [{name: keys, protocols: [ws], paths: [/keys]}]
  plugins:
  - {name: key-auth}
  - {name: acl, config: {allow: [chat]}}
  - {name: websocket-size-limit, config: {client_max_payload: 64}}
- name: basic
  url: ws://%[1]s
  routes: [{name: basic, protocols: [ws], paths: [/basic]}]
  plugins: [{name: basic-auth, protocols: [ws, wss]}]
- name: addresses
  url: ws://%[1]s
  routes: [{name: addresses, protocols: [ws], paths: [/addresses]}]
  plugins: [{name: ip-restriction, config: {deny: [127.0.0.0/8]}}]
- name: secure
  url: ws://%[1]s
  routes: [{name: secure, protocols: [ws], paths: [/secure]}]
  plugins: [{name: key-auth, protocols: [https]}]
`, up))
	for _, k := range []struct {
		path, header string
		status       int
		body         string
	}{
		{"/keys", "", 401, "No API key found in request"},
		{"/keys", "apikey: wrong", 401, "Unauthorized"},
		{"/keys?apikey=bob-key", "", 403, "You cannot consume this service"},
		{"/keys", "apikey: ann-key", 101, ""},
		{"/keys?apikey=cid-key", "", 101, ""},
		{"/basic", "", 401, "Unauthorized"},
		{"/basic", "Authorization: Basic YW5uOnNlY3JldA==", 101, ""},
		{"/addresses", "", 403, "IP address not allowed: 127.0.0.1"},
		{"/secure", "", 101, ""}, // it is for wss alone
	} {
		h := http.Header{}
		if name, value, ok := strings.Cut(k.header, ": "); ok {
			h.Set(name, value)
		}
		nc, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		c, err := conformance.Dial(nc, g.addr, k.path, "", h)
		if c == nil {
			t.Fatalf("%s %s: %v", k.path, k.header, err)
		}
		if c.Answer.StatusCode != k.status {
			t.Errorf("%s %s: %s, want %d", k.path, k.header, c.Answer.Status, k.status)
		} else if b, _ := io.ReadAll(c.Answer.Body); k.status != 101 && !strings.Contains(string(b), k.body) {
			t.Errorf("%s %s: %s, want %s", k.path, k.header, b, k.body)
		}
		nc.Close()
	}
	long := strings.Repeat("x", 20)
	c := g.open(t, "/keys?apikey=ann-key", "", nil)
	text(t, c, long)
	wantNext(t, c, "text "+long)
	c = g.open(t, "/keys?apikey=cid-key", "", nil)
	text(t, c, long)
	m, err := c.Next()
	if err != nil || m.Code != 1009 {
		t.Errorf("the consumer's own limit: %v %d %v", m.Op, m.Code, err)
	}
}
