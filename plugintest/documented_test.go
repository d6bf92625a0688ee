package plugintest

import (
	"slices"
	"sort"
	"strings"
	"testing"
)

// The files documented_*_test.go have a test for each statement that the
// reference's documentation makes about kong.response and about handlers
// (docs/coverage/rows.tsv numbers them). The line "Documented row N" above a
// test puts it into docs/coverage.md.

// phases is a handler by phase: the body of each function.
type phases map[string]string

// handler is the Lua code of a handler with these phases and show(...), which logs its arguments in one line.
func (p phases) handler() string {
	var b strings.Builder
	b.WriteString("local P = { PRIORITY = 10, VERSION = '1.0.0' }\n" + `
local function text(v)
  if type(v) == "table" then return require("cjson").encode(v) end
  return tostring(v)
end
local function show(...)
  local t = {}
  for i = 1, select("#", ...) do t[i] = text((select(i, ...))) end
  kong.log.notice("<", table.concat(t, " "), ">")
end
local function fails(f, ...)
  local ok, err = pcall(f, ...)
  return ok and "accepted" or tostring(err)
end
`)
	var names []string
	for n := range p {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		b.WriteString("function P:" + n + "(conf, ...)\n" + p[n] + "\nend\n")
	}
	return b.String() + "return P\n"
}

// told is what came of a request, for asking.
type told struct {
	t *testing.T
	*Exchange
}

// ask sends r through a route with the handler.
func ask(t *testing.T, p phases, r *Request, replies ...*Response) told {
	t.Helper()
	return asked(t, start(t, p.handler()), r, replies...)
}

// askGlobal is ask with the plugin on everything, so that rewrite runs.
func askGlobal(t *testing.T, p phases, r *Request, replies ...*Response) told {
	t.Helper()
	path := luaPlugin(t, "probe", map[string]string{"handler.lua": p.handler()})
	document := strings.Replace(document, "    plugins:\n    - name: ", "plugins:\n- name: ", 1)
	g, err := New(Options{Document: document + "probe\n", Plugins: []string{"probe"}, LuaPath: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return asked(t, g, r, replies...)
}

func asked(t *testing.T, g *Gateway, r *Request, replies ...*Response) told {
	t.Helper()
	if r == nil {
		r = &Request{}
	}
	x, err := g.Do(r, replies...)
	if err != nil {
		t.Fatal(err)
	}
	return told{t, x}
}

// answered checks status and body of the response.
func (x told) answered(status int, body string) told {
	x.t.Helper()
	if x.Response == nil {
		x.t.Fatalf("no response (%v); log %v", x.Err, x.Log)
	}
	if x.Response.Status != status || x.Response.Body != body {
		x.t.Errorf("answered %d %q, want %d %q; log %v", x.Response.Status, x.Response.Body, status, body, x.Log)
	}
	return x
}

// shows checks that show was called with these texts, in order.
func (x told) shows(want ...string) told {
	x.t.Helper()
	var got []string
	all := func(x *Exchange) bool {
		got = nil
		for _, l := range x.Log {
			_, s, ok := strings.Cut(l.Message, "[probe] <")
			if ok {
				got = append(got, strings.TrimSuffix(s, ">"))
			}
		}
		return slices.Equal(got, want)
	}
	if !x.Wait(all) {
		x.t.Errorf("shown %q, want %q; log %v", got, want, x.Log)
	}
	return x
}

// header checks all values of a response header.
func (x told) header(name string, want ...string) told {
	x.t.Helper()
	if got := x.Response.Header.Values(name); !slices.Equal(got, want) {
		x.t.Errorf("%s: %q, want %q", name, got, want)
	}
	return x
}

// ran checks which phases of the plugin ran.
func (x told) ran(want ...string) told {
	x.t.Helper()
	var got []string
	for _, r := range x.Ran {
		got = append(got, r.Phase)
	}
	if !slices.Equal(got, want) {
		x.t.Errorf("ran %q, want %q", got, want)
	}
	return x
}

// logs checks that the log has a line with each text.
func (x told) logs(want ...string) told {
	x.t.Helper()
	for _, w := range want {
		if !x.Wait(func(x *Exchange) bool {
			return slices.ContainsFunc(x.Log, func(l Line) bool { return strings.Contains(l.String(), w) })
		}) {
			x.t.Errorf("no line with %q in %v", w, x.Log)
		}
	}
	return x
}
