package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// Documented row 40: statuses that exit takes in preread; they are in the logs.
// Documented row 41: where the body goes.
// Documented row 42: a body is a text or nothing, headers are ignored.
// Documented row 61: preread runs once per connection.
func TestStreamExit(t *testing.T) {
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	l := newLuaFolder(t)
	l.write(t, "handler.lua", `
local P = { PRIORITY = 1, VERSION = "1.0.0" }
function P:preread()
  local sock = ngx.req.socket()
  if sock:peek(3) == "hel" then -- still goes to the service
    return kong.log.notice("table: ", (pcall(kong.response.exit, 200, { message = "x" })))
  end
  local line = sock:receive("*l") or ""
  kong.log.notice("preread ", line)
  local status, body = line:match("^(%d+) ?(.*)$")
  if status then return kong.response.exit(tonumber(status), body ~= "" and body or nil, { ["X-Ignored"] = "1" }) end
end
function P:log() kong.log.notice("log ", ngx.var.status) end
return P`)
	addr := process.Loopback(ports.Take())
	up := rawUpstream(t, func(c net.Conn) { io.Copy(c, c) })
	g := start(t, fmt.Sprintf("_format_version: \"3.0\"\nservices:\n- {name: s, url: \"tcp://%s\", routes: [{name: r, protocols: [tcp], sources: [{ip: 127.0.0.1}]}]}\nplugins:\n- {name: living, protocols: [tcp]}\n", up),
		"KONG_PLUGINS=bundled,living", "KONG_LUA_PACKAGE_PATH="+l.root+"/?.lua;;", "KONG_STREAM_LISTEN="+addr)
	if err := g.Listening(addr, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ line, client, log string }{
		{"200 bye", "bye", "log 200"}, {"400 bad", "bad", "log 400"}, {"403 no", "no", "log 403"}, {"403", "", "log 403"},
		{"500 broken", "", "broken"}, {"502 gone", "", "gone"}, {"503 later", "", "later"}, {"404", "", "log 500"},
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, c.line+"\n")
		got, _ := io.ReadAll(conn)
		conn.Close()
		if string(got) != c.client {
			t.Errorf("%s: the client got %q, want %q", c.line, got, c.client)
		}
		var text string
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if text = sessionLog(g, i+2); strings.Contains(text, c.log) && strings.Contains(text, "] log ") {
				break
			}
		}
		if !strings.Contains(text, c.log) || strings.Count(text, "preread ") != 1 {
			t.Errorf("%s: want %q, and preread once, in\n%s", c.line, c.log, text)
		}
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "hello\n")
	echo := make([]byte, 6)
	if _, err := io.ReadFull(conn, echo); err != nil || string(echo) != "hello\n" {
		t.Errorf("%q %v", echo, err)
	}
	for end := time.Now().Add(5 * time.Second); !strings.Contains(g.log(), "table: ") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(g.log(), "table: false") {
		t.Errorf("a table is taken for a body:\n%s", g.log())
	}
}

// sessionLog is what the log says of the connection with that number; Listening made the first.
func sessionLog(g *gibbon, number int) string {
	var out strings.Builder
	for line := range strings.Lines(g.log()) {
		if strings.Contains(line, fmt.Sprintf(": *%d ", number)) {
			out.WriteString(line)
		}
	}
	return out.String()
}
