package lua

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

// apiPrelude are the checks of testdata/api: is compares how values show with a
// text, throws does so with an error's text without its position.
const apiPrelude = `
local failed = require("gibbon.op").ask("test.failed")
local function show(v, depth)
  local t = type(v)
  if v == nil then return "nil" end
  if v == ngx.null then return "null" end
  if t == "string" then return '"' .. v:gsub('[%c"\\\128-\255]', function(c) return ("\\x%02x"):format(c:byte()) end) .. '"' end
  if t ~= "table" then return (t == "number" or t == "boolean") and tostring(v) or "<" .. t .. ">" end
  if (depth or 0) > 6 then return "{...}" end
  local keys, out = {}, {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b)
    if type(a) == "number" and type(b) == "number" then return a < b end
    return type(a) == type(b) and tostring(a) < tostring(b) or type(a) < type(b)
  end)
  for i, k in ipairs(keys) do out[i] = (type(k) == "number" and i == k and "" or tostring(k) .. "=") .. show(v[k], (depth or 0) + 1) end
  return "{" .. table.concat(out, " ") .. "}"
end
local function shows(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = show((select(i, ...))) end
  return table.concat(out, ", ")
end
local function is(label, want, ...)
  local got = shows(...)
  if got ~= want then failed(label .. ":\n got  " .. got .. "\n want " .. want) end
end
local function throws(label, want, f, ...)
  local ok, err = pcall(f, ...)
  local got = tostring(err):gsub("^[^ ]*%.lua:%d+: ", ""):gsub("^%[[^ ]*:%d+: ", "")
  if ok then failed(label .. ": no error, want " .. want)
  elseif got ~= want then failed(label .. ":\n got  " .. got .. "\n want " .. want) end
end
local P = { VERSION = "1.0.0", PRIORITY = 10 }
`

var apiFailures []string

func init() {
	RegisterOp("test.failed", func(c *Call) {
		apiFailures = append(apiFailures, c.String(0))
		c.Return()
	})
}

// TestAPI runs the handlers of testdata/api: each file is a plugin that checks
// what Lua code sees. A file may begin with its request, in a long comment.
func TestAPI(t *testing.T) {
	files, err := filepath.Glob("testdata/api/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".lua")
		t.Run(name, func(t *testing.T) { runAPI(t, f) })
	}
}

func runAPI(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	request := "GET /path/to?a=1&b=2&a=3 HTTP/1.1\nHost: Example.test:8000\nX-One: 1\n"
	if after, ok := strings.CutPrefix(string(b), "--[[ request\n"); ok {
		request, _, _ = strings.Cut(after, "]]\n")
	}
	s := newStage(t, Options{})
	s.gw.Settings = func(name string) any {
		return map[string]any{"prefix": "/prefix", "error_default_type": "text/plain", "worker_events_max_payload": 500.0}[name]
	}
	s.gw.Trusted = func(string) bool { return false }
	s.gw.Workspace, s.gw.WorkspaceName = "0dfbafd6-f0c3-4ba6-9a33-e1e7a3f6b3f0", "default"
	s.file("kong/plugins/api/handler.lua", apiPrelude+string(b)+"\nreturn P\n")
	s.file("kong/plugins/api/schema.lua", strings.Replace(plainSchema, `"p"`, `"api"`, 1))
	p, err := s.rt.Load("api")
	if err != nil {
		t.Fatal(err)
	}
	all := s.start(p)
	e := pdktest.New(t, request)
	e.Kong.Gateway, e.Kong.Worker = s.gw, s.w
	e.Router.Route, e.Router.Service = nil, nil
	apiFailures = nil
	answered := false
	for _, ph := range []phase.Phase{phase.Access, phase.HeaderFilter, phase.BodyFilter, phase.Log} {
		e.Phase, e.X.Phase = ph, uint32(ph)
		var out plugin.Outcome
		switch {
		case ph == phase.BodyFilter:
			_, out = s.rt.Filter(e.Kong, all, []byte("from the service"), true)
		case ph == phase.HeaderFilter && !answered:
			e.Respond("201\nContent-Type: text/plain\nX-Up: 1\nX-Up: 2\n\nfrom the service")
			fallthrough
		default:
			out = s.rt.Run(e.Kong, ph, all)
		}
		if out == plugin.Respond {
			answered = true
		} else if out != plugin.Continue {
			t.Errorf("phase %s: outcome %d\n%s", ph, out, s.lines())
		}
	}
	s.rt.Release(e.Kong)
	for _, f := range apiFailures {
		t.Error(f)
	}
	if strings.Contains(s.lines(), "failed:") {
		t.Error(s.lines())
	}
}

// TestModulesLoad requires every module of the library.
func TestModulesLoad(t *testing.T) {
	s := newStage(t, Options{})
	var code strings.Builder
	code.WriteString("local function load(name, path) local ok, err = pcall(require, name) if not ok then say(path, err) end end\nfunction P:access()\n")
	n := 0
	for root, from := range map[string]fs.FS{"lib": library, "extra": extra} {
		_ = fs.WalkDir(from, root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".lua") || path == "lib/init.lua" {
				return err
			}
			n++
			code.WriteString(`  load("` + moduleName(strings.TrimPrefix(path, root+"/")) + `", "` + path + `")` + "\n")
			return nil
		})
	}
	code.WriteString(`say("done") end`)
	if n < 60 {
		t.Fatalf("only %d modules", n)
	}
	all := s.start(s.plugin("load", code.String()))
	s.lines()
	k, _ := s.request()
	s.rt.Run(k, phase.Access, all)
	got := s.lines()
	if strings.Contains(got, "\n") || !strings.Contains(got, " done,") {
		t.Error(got)
	}
	s.end(k)
}
