package plugintest

import (
	"strings"
	"testing"
)

// startLua makes a gateway with Lua plugins by name; on is the configuration's list of plugins on the route, in YAML.
func startLua(t *testing.T, on string, handlers map[string]map[string]string) (*Gateway, error) {
	t.Helper()
	var paths, names []string
	for name, files := range handlers {
		paths, names = append(paths, luaPlugin(t, name, files)), append(names, name)
	}
	g, err := New(Options{Document: strings.TrimSuffix(document, "    - name: ") + on, Plugins: names, LuaPath: strings.Join(paths, ";")})
	if err == nil {
		t.Cleanup(g.Close)
	}
	return g, err
}

// refusedToLoad checks that a handler keeps the gateway from starting.
func refusedToLoad(t *testing.T, handler, why string) {
	t.Helper()
	_, err := startLua(t, "    - name: probe\n", map[string]map[string]string{"probe": {"handler.lua": handler}})
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("want %q, got %v\n%s", why, err, handler)
	}
}

// Documented row 46: handler.lua returns a table of functions.
// Documented row 73: none of them is required.
func TestHandlerModule(t *testing.T) {
	ask(t, phases{}, nil, twice).answered(201, "made").ran()
	ask(t, phases{"log": "show('log')"}, nil).shows("log").ran("log")
	refusedToLoad(t, "return 5", "must return a table")
}

const argsSchema = `return { name = "probe", fields = { { config = { type = "record", fields = { { tag = { type = "string" } } } } } } }`

// Documented row 47: self and the configuration; configure gets all configurations.
// Documented row 48: init_worker runs when a worker starts.
// Documented row 49: configure runs when configurations changed.
// Documented row 69: init_worker gets no configuration.
func TestHandlerArguments(t *testing.T) {
	p := phases{"init_worker": "show('init_worker', self == P, conf, ...)", "configure": "show('configure', self == P, #conf, conf[1].tag, ...)",
		"access": "show('access', self == P, conf.tag, ...)", "header_filter": "show('header_filter', conf.tag)",
		"body_filter": "if ngx.arg[2] then show('body_filter', conf.tag) end", "log": "show('log', conf.tag)"}
	g, err := startLua(t, "    - {name: probe, config: {tag: t}}\n", map[string]map[string]string{"probe": {"handler.lua": p.handler(), "schema.lua": argsSchema}})
	if err != nil {
		t.Fatal(err)
	}
	asked(t, g, nil).shows("init_worker true nil", "configure true 1 t", "access true t", "header_filter t", "body_filter t", "log t")
	// enabled, but not configured
	g, err = startLua(t, "      []\n", map[string]map[string]string{"probe": {"handler.lua": phases{"configure": "show(conf)"}.handler()}})
	if err != nil {
		t.Fatal(err)
	}
	asked(t, g, nil).shows("nil")
}

// Documented row 50: certificate, of global plugins, during the handshake.
func TestCertificatePhase(t *testing.T) {
	p := phases{"certificate": "show(require('ngx.ssl').server_name(), kong.client.tls ~= nil)", "access": "show('access')"}
	askGlobal(t, p, &Request{Path: "/", TLS: true, Header: Header{{"Host", "a.test"}}}).shows("a.test true", "access")
	askGlobal(t, p, nil).shows("access")
}

// Documented row 51: rewrite runs for global plugins only, before service and consumer are known.
func TestRewritePhase(t *testing.T) {
	p := phases{"rewrite": "show(kong.request.get_path(), kong.client.get_consumer and true, fails(kong.router.get_service) ~= 'accepted' or kong.router.get_service())"}
	askGlobal(t, p, &Request{Path: "/a"}).ran("rewrite")
	ask(t, p, &Request{Path: "/a"}).ran()
	if x := askGlobal(t, phases{"rewrite": "show('all')"}, &Request{Path: "/nowhere"}); x.Response == nil {
		t.Error("no response")
	}
}

// Documented row 52: access runs before the request goes to the service.
func TestAccessPhase(t *testing.T) {
	x := ask(t, phases{"access": "kong.service.request.set_header('X-In', kong.router.get_service().host)"}, nil)
	if len(x.Upstream) != 1 || x.Upstream[0].Header.Get("X-In") != "upstream.test" {
		t.Errorf("%v", x.Upstream)
	}
}

// Documented row 53: response takes the place of header_filter and body_filter, with the whole response at hand.
// Documented row 63: it switches buffering on.
func TestResponsePhase(t *testing.T) {
	ask(t, phases{"response": "show(kong.service.response.get_raw_body(), kong.service.response.get_status()) kong.response.set_header('X-Late', '1')"}, nil,
		&Response{Status: 200, Header: Header{{"Transfer-Encoding", "chunked"}}, Body: "whole"}).answered(200, "whole").header("X-Late", "1").shows("whole 200").ran("response")
	ask(t, phases{"access": "kong.service.request.enable_buffering()", "header_filter": "show(kong.service.response.get_raw_body())"}, nil, twice).answered(201, "made").shows("made")
}

// Documented row 54: header_filter runs when the response's header is complete.
// Documented row 55: body_filter runs for each chunk.
// Documented row 66: a large response comes in many.
func TestFilterPhases(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.set_header('X-Seen', kong.response.get_header('X-One')) kong.response.clear_header('Content-Length')",
		"body_filter": "if ngx.arg[1] then ngx.arg[1] = ngx.arg[1]:upper() end"}, nil, twice).answered(201, "MADE").header("X-Seen", "1")
	big := strings.Repeat("x", 1<<20)
	x := ask(t, phases{"body_filter": "kong.ctx.plugin.n = (kong.ctx.plugin.n or 0) + 1 if ngx.arg[2] then show(kong.ctx.plugin.n > 3) end"}, nil, &Response{Status: 200, Body: big})
	x.answered(200, big).shows("true")
}

// Documented row 59: log runs after the last byte.
func TestLogPhase(t *testing.T) {
	ask(t, phases{"log": "show(kong.response.get_status(), ngx.var.bytes_sent ~= nil)"}, nil, twice).answered(201, "made").shows("201 true").ran("log")
	ask(t, phases{"log": "show(kong.response.get_status())"}, nil, &Response{Down: true}).shows("502")
}

// Documented row 62: phases as nginx names them.
func TestPhaseNames(t *testing.T) {
	askGlobal(t, phases{"init_worker": "show(ngx.get_phase())", "rewrite": "show(ngx.get_phase())", "access": "show(ngx.get_phase())", "header_filter": "show(ngx.get_phase())",
		"body_filter": "if ngx.arg[2] then show(ngx.get_phase()) end", "log": "show(ngx.get_phase())"}, nil).
		shows("init_worker", "rewrite", "access", "header_filter", "body_filter", "log")
	askGlobal(t, phases{"certificate": "show(ngx.get_phase())"}, &Request{TLS: true}).shows("ssl_cert")
}

// Documented row 65: response excludes header_filter and body_filter.
func TestResponseExcludesFilters(t *testing.T) {
	for _, other := range []string{"header_filter", "body_filter"} {
		refusedToLoad(t, phases{"response": "", other: ""}.handler(), "implements both `response` and")
	}
}

// Documented row 70: init_worker and configure run outside of requests.
func TestOutsideOfRequests(t *testing.T) {
	ask(t, phases{"init_worker": "show(fails(kong.request.get_path) ~= 'accepted')", "configure": "show(fails(kong.response.get_status) ~= 'accepted')"}, nil).shows("true", "true")
}

// Documented row 71: VERSION is required.
func TestVersionRequired(t *testing.T) {
	refusedToLoad(t, "return { PRIORITY = 1 }", "VERSION field does not follow")
}

// Documented row 72: PRIORITY is required, and the higher one runs first in each phase.
func TestPriorityOrder(t *testing.T) {
	refusedToLoad(t, "return { VERSION = '1.0.0' }", "PRIORITY field is not a valid integer")
	of := func(name, priority string) map[string]string {
		say := "function P:%s() kong.log.notice('[probe] <" + name + " %s>') end\n"
		code := "local P = { PRIORITY = " + priority + ", VERSION = '1.0.0' }\n"
		for _, ph := range []string{"access", "header_filter", "log"} {
			code += strings.ReplaceAll(say, "%s", ph)
		}
		return map[string]string{"handler.lua": code + "return P"}
	}
	g, err := startLua(t, "    - name: low\n    - name: high\n", map[string]map[string]string{"low": of("low", "5"), "high": of("high", "7")})
	if err != nil {
		t.Fatal(err)
	}
	asked(t, g, nil).shows("high access", "low access", "high header_filter", "low header_filter", "high log", "low log")
}

// Documented row 74: modules beside the handler.
// Documented row 75: functions with an explicit self, and functions assigned.
func TestHandlerShapes(t *testing.T) {
	g, err := startLua(t, "    - name: probe\n", map[string]map[string]string{"probe": {
		"handler.lua": `local P = { PRIORITY = 1, VERSION = "1.0.0" }
P.access = require("kong.plugins.probe.access").run
P.log = function(self, conf) kong.log.notice("[probe] <", self == P, " ", type(conf), ">") end
return P`,
		"access.lua": `return { run = function(self, conf) kong.log.notice("[probe] <access ", self.VERSION, ">") end }`}})
	if err != nil {
		t.Fatal(err)
	}
	asked(t, g, nil).shows("access 1.0.0", "true table")
}

// Documented row 76, lifted: handlers that derive from kong.plugins.base_plugin still run, with a warning.
func TestBasePlugin(t *testing.T) {
	g, err := startLua(t, "    - name: probe\n", map[string]map[string]string{"probe": {"handler.lua": `
local Base = require "kong.plugins.base_plugin"
local P = Base:extend()
P.PRIORITY, P.VERSION = 1, "1.0.0"
function P:new() P.super.new(self, "probe") end
function P:access(conf) P.super.access(self) kong.log.notice("[probe] <access>") end
return P`}})
	if err != nil {
		t.Fatal(err)
	}
	asked(t, g, nil).shows("access").logs("base_plugin is deprecated")
}

// Documented row 79: these handlers are for both kinds of services.
func TestPhasesOfBothKinds(t *testing.T) {
	askGlobal(t, phases{"certificate": "", "rewrite": "", "configure": "", "init_worker": ""}, &Request{TLS: true}).answered(200, "ok\n").ran("certificate", "rewrite")
}
