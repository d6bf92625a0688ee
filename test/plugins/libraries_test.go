package plugins

import (
	"strings"
	"testing"
)

// librarySteps use modules that need a request.
const librarySteps = `{steps: {
  cookie: 'local ck = require("resty.cookie"):new() local all = ck:get_all() ck:set { key = "s", value = "v", path = "/", max_age = 60, secure = true, httponly = true, samesite = "Lax" } ck:set { key = "t", value = 2 } ck:set { key = "t", value = 2 }
    return ck:get("a"), ck:get("b"), ck:get("none"), all.c, (ck:set { key = "x" }), (ck:set { key = "x", value = "a\r\nB: c" })',
  nocookie: 'return require("resty.cookie"):new():get("a")',
  upload: 'local form, err = require("resty.upload"):new(5) if not form then return err end form:set_timeout(1000) local out = {} for _ = 1, 100 do local kind, v, why = form:read() out[#out + 1] = kind and kind .. ":" .. (type(v) == "table" and v[1] .. "=" .. v[2] or v or "") or why if kind == "eof" or not kind then break end end return table.concat(out, "|")',
  template: 'local t = require "resty.template" return t.process("<p>{{ngx.var.uri}}</p>{% for _, v in ipairs(list) do %}{{v}};{% end %}", { list = { 1, "<" } })',
  pipe: 'local shell = require "resty.shell" local ok, out, err, reason, status = shell.run({ "tr", "a-z", "A-Z" }, "body") return ok, out, err, reason, status',
  health: 'local b = require "kong.runloop.balancer" local all = b.get_all_upstreams() local id, name for k, v in pairs(all) do id, name = v, k:match("^[^:]*:(.-)$") end local info = b.get_upstream_health(id)["127.0.0.1:9"] return name, info.weight, #info.addresses, (info.addresses[1] or {}).ip, (info.addresses[1] or {}).health',
  thread: 'return ngx.run_worker_thread("default", "kong.tools.string", "strip", "  x ")'
}}`

func TestLibraries(t *testing.T) {
	s := open(t, map[string]string{"steps": librarySteps}, "\nupstreams:\n- {name: blue, targets: [{target: \"127.0.0.1:9\", weight: 7}]}\n")
	step := func(name string, headers ...string) *answer {
		return s.do(t, "POST /steps/x", append([]string{"X-Step: " + name}, headers...)...)
	}
	a := step("cookie", `Cookie: a=1; b="two"; c=x=y`)
	wants(t, a.body, "1 two nil x=y nil nil", strings.Join(a.Header.Values("Set-Cookie"), "|"), "s=v; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax|t=2")
	wants(t, step("nocookie").body, "nil no cookie found in the current request")
	form := "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"a\"\r\nX: y\r\n\r\nhello world\r\n--XX\r\n\r\n\r\n--XX--\r\nend"
	wants(t, step("upload", "Content-Type: multipart/form-data; boundary=XX", "", form).body,
		`header:Content-Disposition=form-data; name="a"|header:X=y|body:hello|body: worl|body:d|part_end:|part_end:|eof:`)
	wants(t, step("upload", "Content-Type: multipart/form-data; boundary=XX", "", "--XX\r\nA: b\r\n\r\ncut").body, "header:A=b|closed",
		step("upload", "Content-Type: multipart/form-data; boundary=XX", "", "--XX\r\n"+strings.Repeat("a", 600)+": b\r\n\r\nx\r\n--XX--").body, "line too long: "+strings.Repeat("a", 513)+"...",
		step("upload", "Content-Type: text/plain", "", "x").body, "no boundary defined in Content-Type")
	wants(t, step("template").body, "<p>&#47;steps&#47;x</p>1;&lt;;", step("pipe").body, "true BODY  exit 0", step("thread").body, "true x", step("health").body, "blue 7 1 127.0.0.1 HEALTHCHECKS_OFF")
}
