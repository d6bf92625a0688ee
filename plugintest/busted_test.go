package plugintest

import (
	"strings"
	"testing"
)

const echoSpec = `
local test = require "gibbon.test"
describe("echo", function()
  local gw, order = nil, {}
  lazy_setup(function() gw = test.start { config = { tag = "red" }, settings = { real_ip_header = "X-Foo" } } end)
  lazy_teardown(function() gw:stop() end)
  before_each(function() order[#order + 1] = "outer" end)
  it("goes to the upstream and back", function()
    local r = gw:request { method = "POST", path = "/a", body = "hello", headers = { ["X-Q"] = { "1", "2" } },
      upstream = { status = 201, body = "made", headers = { ["X-B"] = { "1", "2" } } } }
    assert.equal(201, r.status)
    assert.equal("made", r.body)
    assert.equal("red", r.headers.x_tag)
    assert.same({ "1", "2" }, r.headers["X-B"])
    assert.same({ "1", "2" }, r.upstream[1].headers["X-Q"])
    assert.equal("hello", r.upstream[1].body)
    assert.equal("X-Foo", r.upstream[1].headers["X-Setting"])
    assert.same({ "access", "header_filter", "log" }, r.phases)
    assert.matches("tag red", table.concat(r.log, "\n"), 1, true)
    assert.equal(502, gw:request { path = "/", upstream = "down" }.status)
    assert.equal(403, gw:request("GET /?exit=1").status)
  end)
  describe("inside", function()
    before_each(function() order[#order + 1] = "inner" end)
    it("runs hooks outside in", function() assert.same({ "outer", "outer", "inner" }, order) end)
    it("fails with its line", function() assert.equal(1, 2) end)
    it("throws", function() local x; x.y = 1 end)
    pending("has nothing to say")
  end)
end)
describe("assertions", function()
  it("hold", function()
    assert.is_true(true) assert.True(true) assert.is_not_true(1) assert.has_error(function() error("x", 0) end, "x")
    assert.has_error(function() error("x") end, "x") assert.has_no.errors(function() end) assert.matches("^a", "abc") assert.is_string("")
    assert.not_equal(1, 2) assert.are_not.same({}, { 1 }) assert(1) assert.is.truthy(1) assert.falsy(nil) assert.is_table({})
    assert.is_function(print) assert.near(1, 1.1, 0.2) assert.error_matches(function() error("abc") end, "b")
    assert.has_error(function() error({ code = 1 }) end, { code = 1 })
  end)
  it("fail", function()
    for name, f in pairs {
      equal = function() assert.equal(1, 2) end, truthy = function() assert.truthy(nil) end, ["nil"] = function() assert.is_nil(1) end,
      not_same = function() assert.is_not.same({ 1 }, { 1 }) end, error = function() assert.has_error(function() end) end,
      no_error = function() assert.has_no.error(function() error("x") end) end, match = function() assert.matches("a", "b") end,
      unknown = function() assert.is_frobnicated(1) end, plain = function() assert(nil, "message") end,
    } do
      if pcall(f) then error(name .. " did not fail") end
    end
  end)
  it("know spies", function()
    local s = spy.new(function(a) return a end)
    assert.equal(1, s(1, 2))
    assert.spy(s).was.called(1) assert.spy(s).was_called_with(1, 2) assert.spy(s).was_not_called_with(3)
    local t = { f = function() return 1 end }
    local st = stub(t, "f", 5)
    assert.equal(5, t.f()) assert.stub(st).was_called() st.revert() assert.equal(1, t.f())
  end)
  it("know schemas", function()
    local validate = require("spec.helpers").validate_plugin_config_schema
    local schema = require "kong.plugins.echo.schema"
    assert.truthy(validate({ tag = "x" }, schema))
    local ok, err = validate({ tag = 5 }, schema)
    assert.is_nil(ok)
    assert.equal("expected a string", err.config.tag)
  end)
end)`

func TestLuaSpec(t *testing.T) {
	dir := folder(t, "echo", map[string]string{"handler.lua": echo, "schema.lua": echoSchema, "spec/echo_spec.lua": echoSpec})
	got := map[string]string{}
	for _, r := range results(t, dir) {
		text := "ok"
		if r.Skipped != "" {
			text = "skip"
		} else if r.Err != nil {
			text = r.Err.Error()
		}
		got[r.Name] = text
	}
	for name, want := range map[string]string{
		"echo goes to the upstream and back": "ok", "echo inside runs hooks outside in": "ok", "echo inside has nothing to say": "skip",
		"assertions hold": "ok", "assertions fail": "ok", "assertions know spies": "ok", "assertions know schemas": "ok",
		"echo inside fails with its line": "echo_spec.lua:26: values differ", "echo inside throws": "attempt to index local 'x'",
	} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s: want %q, got %q", name, want, got[name])
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("and these: %v", got)
	}
}

// A file that does not load is a failure, and the others run.
func TestLuaSpecBroken(t *testing.T) {
	dir := folder(t, "echo", map[string]string{"handler.lua": echo, "schema.lua": echoSchema, "spec/a_spec.lua": "describe('x', function(",
		"spec/b_spec.lua": "it('runs', function() end) it('asks', function() require('spec.helpers').start_kong() end)"})
	all := results(t, dir)
	for i, want := range []string{"a_spec.lua:1:", "", "b_spec.lua:1: spec.helpers.start_kong needs a running Kong"} {
		if i >= len(all) || (all[i].Err == nil) != (want == "") || want != "" && !strings.Contains(all[i].Err.Error(), want) {
			t.Fatalf("result %d: want %q, got %+v", i+1, want, all)
		}
	}
}

// Outside of a spec the operations of specs refuse.
func TestNoSession(t *testing.T) {
	g := start(t, `
local P = { PRIORITY = 7, VERSION = "1.0.0" }
function P:access()
  local native = require "gibbon.native"
  kong.response.exit(200, select(2, pcall(native.ask, native.op "plugintest.start", 1, {})))
end
return P`)
	x, err := g.Do(&Request{Path: "/"})
	if err != nil || !strings.Contains(x.Response.Body, "runs no spec") {
		t.Errorf("%v %v", err, x)
	}
}
