package plugintest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// luaPlugin writes a plugin's files and gives the Lua path that finds them.
func luaPlugin(t testing.TB, name string, files map[string]string) (luaPath string) {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "kong", "plugins", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if files["schema.lua"] == "" {
		files["schema.lua"] = `return { name = "` + name + `", fields = { { config = { type = "record", fields = {} } } } }`
	}
	for f, text := range files {
		if err := os.WriteFile(filepath.Join(dir, f), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root + "/?.lua;" + root + "/?/init.lua"
}

const document = `
_format_version: "3.0"
services:
- name: s
  url: http://upstream.test
  routes:
  - name: r
    paths: [/]
    plugins:
    - name: `

// start makes a gateway with one Lua plugin on its route.
func start(t testing.TB, handler string) *Gateway {
	t.Helper()
	path := luaPlugin(t, "probe", map[string]string{"handler.lua": handler})
	g, err := New(Options{Document: document + "probe\n", Plugins: []string{"probe"}, LuaPath: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func TestGateway(t *testing.T) {
	g := start(t, `
local P = { PRIORITY = 10, VERSION = "1.0.0" }
function P:access() kong.service.request.set_header("X-Up", kong.request.get_path()) kong.log.notice("hi") end
function P:header_filter() kong.response.set_header("X-Down", kong.client.get_ip()) end
function P:log() ngx.timer.at(0, function() kong.log.warn("late") end) end
return P`)
	for range 3 {
		x, err := g.Do(&Request{Path: "/a?b=c", Header: Header{{"x-me", "1"}}})
		if err != nil {
			t.Fatal(err)
		}
		if x.Err != nil || x.Response.Status != 200 || x.Response.Body != "ok\n" || x.Response.Header.Get("X-Down") != "127.0.0.1" {
			t.Fatalf("%v\n%v\n%v", x.Err, x.Response, x.Log)
		}
		if len(x.Upstream) != 1 || x.Upstream[0].Header.Get("x-up") != "/a" || x.Upstream[0].To != "upstream.test:80" {
			t.Errorf("upstream saw %v", x.Upstream)
		}
		if len(x.Ran) != 3 {
			t.Errorf("ran %v", x.Ran)
		}
		for _, want := range []string{"hi", "late"} {
			if !x.Wait(func(x *Exchange) bool {
				for _, l := range x.Log {
					if strings.Contains(l.Message, want) {
						return true
					}
				}
				return false
			}) {
				t.Errorf("no %q in %v", want, x.Log)
			}
		}
	}
	for _, x := range []*Request{{Path: "/", TLS: true}, {Method: "POST", Body: strings.Repeat("x", 100000)}, {Method: "HEAD"}} {
		got, err := g.Do(x, &Response{Status: 201, Body: "made"})
		if err != nil || got.Err != nil || got.Response.Status != 201 {
			t.Errorf("%v %v", err, got)
		}
	}
	if x, _ := g.Do(&Request{}, &Response{Down: true}); x.Response == nil || x.Response.Status != 502 {
		t.Errorf("down: %v", x.Response)
	}
}
