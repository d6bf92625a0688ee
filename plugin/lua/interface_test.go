package lua

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

// interfaceProbe looks names up and calls functions without arguments, which
// none of them takes amiss: a phase check comes before any other.
const interfaceProbe = `
local failed = require("gibbon.op").ask("test.failed")
local rows = {
%ROWS%
}
local objects = {
  tcpsock = function() return ngx.socket.tcp() end,
  udpsock = function() return ngx.socket.udp() end,
  span = function() return kong.tracing.start_span("s") end,
}
local modules = { "ngx.ssl.proxysslcert", "ngx.ssl.proxysslverify", "ngx.ssl.clienthello", "ngx.ssl.session", "ngx.ssl", "ngx.balancer",
  "ngx.base64", "ngx.errlog", "ngx.ocsp", "ngx.pipe", "ngx.process", "ngx.proxyssl", "ngx.re", "ngx.req", "ngx.resp", "ngx.semaphore" }
local made = {}

-- methods are what objects of a module have
local instances = {
  ["ngx.semaphore"] = function(m) return m.new(0) end,
  ["ngx.re"] = function() return ngx.re end,
  ["ngx.pipe"] = function(m) return m.proc end,
}

local function lookup(name, kind)
  local at, rest = _G, name
  if kind == "module" then
    for _, m in ipairs(modules) do
      if name:sub(1, #m + 1) == m .. "." then
        local ok, module = pcall(require, m)
        if not ok then return nil, "no module " .. m end
        local field = name:sub(#m + 2)
        if module[field] ~= nil then return module[field] end
        local instance = instances[m]
        if not instance then return nil end
        made[m] = made[m] or instance(module)
        return made[m][field]
      end
    end
  end
  for _, m in ipairs(modules) do
    if name == m and ngx[name:sub(5)] == nil then return require(m) end
  end
  local object, method = name:match("^(%w+):(.+)$")
  if object and objects[object] then
    made[object] = made[object] or objects[object]()
    return made[object][method]
  end
  name = name:gsub(":", "."):gsub("^ngx%.shared%.DICT%.", "ngx.shared.kong_locks."):gsub("^ngx%.shared%.DICT$", "ngx.shared.kong_locks")
    :gsub("^kong%.db%.<entity>", "kong.db.routes"):gsub("<unique_field>", "name"):gsub("<foreign_field>", "service")
    :gsub("^ngx%.header%.HEADER$", "ngx.header"):gsub("^ngx%.var%.VARIABLE$", "ngx.var"):gsub("^ndk%.set_var%.DIRECTIVE$", "ndk.set_var")
  for part in name:gmatch("[^.]+") do
    if type(at) ~= "table" and type(at) ~= "userdata" then return nil end
    at = at[part]
    if at == nil then return nil end
  end
  return at
end

local function called(f)
  local ok, err = pcall(f)
  return ok, tostring(err)
end

local function check(phase, row)
  local name, kind, want = row[1], row[2], row[3]
  if kind == "variable" and name:sub(1, 8) == "ngx.var." then
    local ok, err = pcall(function() return ngx.var[name:sub(9)] end)
    if not ok then failed(name .. ": " .. tostring(err)) end
    return
  end
  local found, v = pcall(lookup, name, kind)
  if not found or v == nil then return failed(name .. " is missing" .. (found and "" or ": " .. tostring(v))) end
  if kind == "constant" then
    if want ~= "lightuserdata(NULL)" and tostring(v) ~= want then failed(name .. " is " .. tostring(v)) end
    return
  end
  if kind ~= "function" then return end
  if type(v) ~= "function" and not (type(v) == "table" and (getmetatable(v) or {}).__call) then
    return failed(name .. " is a " .. type(v))
  end
  if want == nil then return end -- no phases to check
  local ok, err = called(v)
  local refused = not ok and err:find("function cannot be called in " .. phase .. " phase", 1, true) ~= nil
  if want[phase] and refused then failed(name .. " is refused in " .. phase .. ": " .. err) end
  if not want[phase] and not refused then failed(name .. " is not refused in " .. phase .. ": " .. err) end
end

local P = { VERSION = "1.0.0", PRIORITY = 10 }
for _, phase in ipairs { "access", "header_filter", "body_filter", "log" } do
  P[phase] = function() for _, row in ipairs(rows) do check(phase, row) end end
end
return P
`

// interfaceRows are the lines of a list of testdata/interface.
func interfaceRows(t *testing.T, file string) [][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/interface/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, l := range strings.Split(string(b), "\n") {
		if l != "" && l[0] != '#' {
			rows = append(rows, strings.Split(l, "\t"))
		}
	}
	return rows
}

// allowed is a Lua table of the phases that a list of phases names; "" without a check.
func allowed(list string) string {
	names := []string{"rewrite", "access", "response", "header_filter", "body_filter", "log"}
	var b strings.Builder
	switch {
	case list == "" || list == "*":
		return ""
	case list[0] == '!':
		names = slices.DeleteFunc(names, func(n string) bool { return n == list[1:] })
	default:
		named := strings.Split(list, ",")
		names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(named, n) })
	}
	b.WriteString("{ ")
	for _, n := range names {
		b.WriteString(n + " = true, ")
	}
	return b.String() + "}"
}

// TestInterface compares what the globals ngx and kong have with the lists of
// what plugins may use (testdata/interface: pdk.tsv, ngx.tsv): names, kinds,
// constants, and the phases in which functions of the PDK may be called. What is
// missing on purpose is in missing.tsv, with the reason.
func TestInterface(t *testing.T) {
	var rows strings.Builder
	add := func(name, kind, want string) {
		rows.WriteString(`  { "` + name + `", "` + kind + `", ` + want + " },\n")
	}
	for _, r := range interfaceRows(t, "pdk.tsv") {
		switch phases := allowed(r[2]); {
		case r[1] != "function":
			add(r[0], "present", "nil")
		case phases == "":
			add(r[0], "function", "nil")
		default:
			add(r[0], "function", phases)
		}
	}
	for _, r := range interfaceRows(t, "ngx.tsv") {
		if value, ok := strings.CutPrefix(r[1], "="); ok {
			add(r[0], "constant", `"`+value+`"`)
		} else {
			add(r[0], r[1], "nil")
		}
	}
	got := interfaceGaps(t, strings.Replace(interfaceProbe, "%ROWS%", rows.String(), 1))
	missing := map[string]string{}
	for _, r := range interfaceRows(t, "missing.tsv") {
		missing[r[0]] = r[1]
	}
	seen := map[string]bool{}
	for _, g := range got {
		name, _, _ := strings.Cut(g, " is ")
		if missing[name] == "" {
			t.Error(g)
		}
		seen[name] = true
	}
	for name := range missing {
		if !seen[name] {
			t.Errorf("%s is listed in missing.tsv and is there", name)
		}
	}
}

// interfaceGaps runs the probe in the phases of a request and gives what it found, sorted.
func interfaceGaps(t *testing.T, handler string) []string {
	t.Helper()
	s := newStage(t, Options{})
	kongDicts(t)
	s.gw.Settings = func(name string) any { return map[string]any{"prefix": "/prefix"}[name] }
	s.gw.Trusted = func(string) bool { return false }
	s.gw.Workspace = "0dfbafd6-f0c3-4ba6-9a33-e1e7a3f6b3f0"
	s.gw.Store = pdktest.Store(t, nil)
	s.file("kong/plugins/probe/handler.lua", handler)
	s.file("kong/plugins/probe/schema.lua", strings.Replace(plainSchema, `"p"`, `"probe"`, 1))
	p, err := s.rt.Load("probe")
	if err != nil {
		t.Fatal(err)
	}
	all := s.start(p)
	e := pdktest.New(t, "GET / HTTP/1.1\nHost: example.test\n")
	e.Kong.Gateway, e.Kong.Worker = s.gw, s.w
	apiFailures = nil
	for _, ph := range []phase.Phase{phase.Access, phase.HeaderFilter, phase.BodyFilter, phase.Log} {
		e.Phase, e.X.Phase = ph, uint32(ph)
		switch ph {
		case phase.BodyFilter:
			s.rt.Filter(e.Kong, all, []byte("body"), true)
		case phase.HeaderFilter:
			e.Respond("200\nContent-Type: text/plain\n\nbody")
			fallthrough
		default:
			s.rt.Run(e.Kong, ph, all)
		}
	}
	s.rt.Release(e.Kong)
	if l := s.lines(); strings.Contains(l, "failed:") {
		t.Error(l)
	}
	slices.Sort(apiFailures)
	return slices.Compact(apiFailures)
}
