package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// luaFolder is a folder on the Lua path with a plugin "living" whose handler the test rewrites.
type luaFolder struct{ root string }

func newLuaFolder(t *testing.T) *luaFolder {
	t.Helper()
	l := &luaFolder{t.TempDir()}
	if err := os.MkdirAll(filepath.Join(l.root, "kong", "plugins", "living"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.write(t, "schema.lua", `return { name = "living", fields = { { config = { type = "record", fields = {} } } } }`)
	return l
}

// write replaces a file of the plugin in one move.
func (l *luaFolder) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(l.root, "kong", "plugins", "living", name)
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// version is a handler that says its number in two phases, with a pause between them if asked to.
func (l *luaFolder) version(t *testing.T, number string) {
	l.write(t, "number.lua", "return '"+number+"'")
	l.write(t, "handler.lua", `
local number = require "kong.plugins.living.number"
local P = { PRIORITY = 1, VERSION = "1.0.0" }
function P:access()
  local pause = tonumber(kong.request.get_query_arg("pause"))
  if pause then ngx.sleep(pause) end
  kong.ctx.plugin.access = number
end
function P:header_filter() kong.response.set_header("X-Code", kong.ctx.plugin.access .. number) end
return P`)
}

// The code of a plugin is read anew by a reload: requests that began before end with the old code, module state
// included, later ones have the new. Code that does not load leaves the old in force, and the log says why.
func TestReloadLuaCode(t *testing.T) {
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) }))
	l := newLuaFolder(t)
	l.version(t, "1")
	g := start(t, everythingTo(up, "plugins:\n- name: living\n"), "KONG_PLUGINS=bundled,living", "KONG_LUA_PACKAGE_PATH="+l.root+"/?.lua;;")
	c := client()
	code := func(path string) string {
		resp, _ := get(t, c, "http://"+g.addr+path)
		return resp.Header.Get("X-Code")
	}
	expect := func(want string) {
		t.Helper()
		var got string
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if got = code("/"); got == want {
				return
			}
		}
		t.Fatalf("code %q, want %q\n%s", got, want, g.log())
	}
	expect("11")

	old := make(chan string, 8)
	for range cap(old) {
		go func() {
			resp, err := client().Get("http://" + g.addr + "/?pause=2")
			if err != nil {
				old <- err.Error()
				return
			}
			resp.Body.Close()
			old <- resp.Header.Get("X-Code")
		}()
	}
	time.Sleep(300 * time.Millisecond) // they wait in access now
	l.version(t, "2")
	reload(t, g)
	expect("22")
	for range 20 { // on whichever worker
		if got := code("/"); got != "22" {
			t.Fatalf("code %q after the reload was in force", got)
		}
	}
	for range cap(old) {
		if got := <-old; got != "11" {
			t.Errorf("a request that began before the reload ended with code %q", got)
		}
	}

	for _, broken := range []struct{ name, handler, why string }{
		{"syntax error", "return {", "handler.lua:1: unexpected symbol near '<eof>'"},
		{"error at load", "error('no way')", "handler.lua:1: no way"},
		{"no priority", "return { VERSION = '1.0.0' }", "PRIORITY field is not a valid integer"},
		{"missing module", "require 'kong.plugins.living.absent' return {}", "module 'kong.plugins.living.absent' not found"},
	} {
		t.Run(broken.name, func(t *testing.T) {
			l.write(t, "handler.lua", broken.handler)
			before := len(g.log())
			if err := g.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			logged := func() string { return g.log()[before:] }
			for end := time.Now().Add(5 * time.Second); !strings.Contains(logged(), "the old ones stay"); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("nothing is said about it: %s", logged())
				}
			}
			if text := logged(); !strings.Contains(text, "plugin 'living'") && !strings.Contains(text, `"living"`) || !strings.Contains(text, broken.why) {
				t.Errorf("the log names neither plugin nor %q:\n%s", broken.why, text)
			}
			if got := code("/"); got != "22" {
				t.Errorf("code %q, want 22", got)
			}
			if out, err := exec.Command(binary, "reload", "-p", g.prefix).CombinedOutput(); err == nil || !strings.Contains(string(out), broken.why) {
				t.Errorf("gibbon reload: %v\n%s", err, out)
			}
		})
	}
	l.version(t, "3")
	reload(t, g)
	expect("33")
}

// reload runs the verb.
func reload(t *testing.T, g *gibbon) {
	t.Helper()
	if out, err := exec.Command(binary, "reload", "-p", g.prefix).CombinedOutput(); err != nil {
		t.Fatalf("gibbon reload: %v\n%s", err, out)
	}
}
