package lua

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// stage is a runtime with one worker and plugins written as text: what the
// proxy does around the runtime, without a proxy.
type stage struct {
	t      testing.TB
	rt     *Runtime
	w      *worker.Worker
	dir    string
	logAt  string
	logger *log.Logger
	sink   *log.Sink
	pool   message.Pool
	gw     *pdk.Gateway
	serial uint64
	gen    *plugin.Generation
}

// later are the calls of test.later that wait, oldest first.
var later []*Call

func init() {
	RegisterOp("test.echo", func(c *Call) { c.Return(c.values(0)...) })
	RegisterOp("test.later", func(c *Call) { later = append(later, c) })
	RegisterOp("test.fail", func(c *Call) { c.Fail("as told") })
	RegisterOp("test.plugin", func(c *Call) { c.Return(c.Kong().Current.Name, c.Kong().Current.ID, c.Phase().String()) })
}

const prelude = `local native = require "gibbon.native"
local function echo(...) return native.ask(native.op "test.echo", ...) end
local function later(...) return native.wait(native.op "test.later", ...) end
local function say(...) local t = {...} for i = 1, select("#", ...) do t[i] = tostring(t[i]) end native.log(6, table.concat(t, " ")) end
local P = { VERSION = "1.0.0", PRIORITY = 10 }
`

const plainSchema = `return { name = "p", fields = { { config = { type = "record", fields = { { tag = { type = "string" } } } } } } }`

func newStage(t testing.TB, o Options) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir()}
	s.logAt = filepath.Join(s.dir, "error.log")
	sink, err := log.Open(s.logAt, log.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.sink, s.logger = sink, log.NewLogger(sink, log.Debug)
	o.Log = s.logger
	o.PackagePath = s.dir + "/?.lua"
	if s.rt, err = New(o); err != nil {
		t.Fatal(err)
	}
	s.w = &worker.Worker{}
	s.gw = &pdk.Gateway{Log: s.logger}
	s.rt.SetGateway(s.gw)
	t.Cleanup(func() {
		s.rt.Stop(s.w)
		s.rt.Close()
		s.pool.Close()
		_ = s.sink.Close()
	})
	return s
}

// file writes a file of a plugin.
func (s *stage) file(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// plugin writes a plugin whose handler is prelude + body + return P, and loads it.
func (s *stage) plugin(name, body string) *plugin.Plugin {
	s.t.Helper()
	s.file("kong/plugins/"+name+"/handler.lua", prelude+body+"\nreturn P\n")
	s.file("kong/plugins/"+name+"/schema.lua", plainSchema)
	p, err := s.rt.Load(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *stage) bound(p *plugin.Plugin, config map[string]any) *plugin.Bound {
	s.serial++
	return &plugin.Bound{Plugin: p, Serial: s.serial, Entity: &entity.Plugin{ID: fmt.Sprintf("id-%d", s.serial), Workspace: "ws",
		Name: p.Name, Config: config}}
}

// start brings the plugins to the worker, each with one configuration.
func (s *stage) start(plugins ...*plugin.Plugin) []*plugin.Bound {
	s.t.Helper()
	g := &plugin.Generation{Number: 1, Plugins: plugins, Bound: map[string][]*plugin.Bound{}}
	var all []*plugin.Bound
	for _, p := range plugins {
		b := s.bound(p, map[string]any{"tag": p.Name})
		g.Bound[p.Name] = []*plugin.Bound{b}
		all = append(all, b)
	}
	s.gen = g
	if err := s.rt.Start(s.w, g); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// fakeHost notes what a run that waited ended with.
type fakeHost struct {
	pdk.Host
	outcomes []plugin.Outcome
}

func (h *fakeHost) Resume(outcome uint8) { h.outcomes = append(h.outcomes, plugin.Outcome(outcome)) }

func (s *stage) request() (*pdk.Kong, *fakeHost) {
	s.t.Helper()
	x, h := &message.Exchange{}, &fakeHost{}
	if err := x.Begin(&s.pool); err != nil {
		s.t.Fatal(err)
	}
	x.Flow = &message.Flow{Serial: 7, Peer: netip.MustParseAddrPort("127.0.0.1:4000")}
	x.ConnectionSerial = 7
	k := &pdk.Kong{}
	k.Reset(s.gw, s.w, x, h)
	return k, h
}

func (s *stage) end(k *pdk.Kong) {
	s.rt.Release(k)
	k.X.End()
}

// lines are the messages in the error log since the last call, without time and process.
func (s *stage) lines() string {
	s.t.Helper()
	if err := s.logger.Flush(); err != nil {
		s.t.Fatal(err)
	}
	b, err := os.ReadFile(s.logAt)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Truncate(s.logAt, 0); err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, l := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		if _, after, ok := strings.Cut(l, "["); ok && strings.HasPrefix(l, "20") {
			level, rest, _ := strings.Cut(after, "] ")
			_, rest, _ = strings.Cut(rest, ": ")
			l = level + " " + rest
		}
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

func expect(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPhasesRunInOrderWithTheirConfiguration(t *testing.T) {
	s := newStage(t, Options{})
	a := s.plugin("a", `function P:init_worker(...) self.n = 1 say("init", self == P, select("#", ...)) end
		function P:configure(c) say("configure", #c, c[1].tag, c[1].__plugin_id, c[1].__ws_id, c[1].route_id) self.conf = c[1] end
		function P:access(conf) say("access", conf.tag, conf.absent, rawequal(conf, self.conf)) end
		function P:log(conf) say("log", self.n) end`)
	b := s.plugin("b", `function P:configure(c) say("configure b", c) end
		function P:access(conf) say(native.ask(native.op "test.plugin")) say(later(1)) end`)
	all := s.start(a, b)
	got := s.lines()
	got, _, _ = strings.Cut(got, ": 0x")
	expect(t, got, "notice init true 0, context: init_worker_by_lua*\n"+
		"notice configure 1 a id-1 ws nil, context: init_worker_by_lua*\n"+
		"notice configure b table")
	_ = all
}

func TestRequest(t *testing.T) {
	s := newStage(t, Options{})
	a := s.plugin("a", `function P:access(conf) say("access", conf.tag, conf.absent) end
		function P:log(conf) say("log") end`)
	b := s.plugin("b", `function P:access(conf) say(native.ask(native.op "test.plugin")) say("woken", later(1)) end`)
	c := s.plugin("c", `function P:access(conf) say("third") end`)
	all := s.start(a, b, c)
	later = nil
	k, h := s.request()
	if out := s.rt.Run(k, phase.Access, all); out != plugin.Suspend {
		t.Fatalf("outcome %d", out)
	}
	expect(t, s.lines(), "notice *7 access a nil, server: kong\nnotice *7 b id-2 access, server: kong")
	if len(later) != 1 || later[0].Number(0) != 1 || later[0].Kong() != k {
		t.Fatalf("waiting calls: %v", later)
	}
	later[0].Done("x", nil, []any{1})
	expect(t, strings.Split(s.lines(), " table")[0], "notice *7 woken x nil")
	if len(h.outcomes) != 1 || h.outcomes[0] != plugin.Continue {
		t.Errorf("outcomes %v", h.outcomes)
	}
	if out := s.rt.Run(k, phase.Log, all); out != plugin.Continue {
		t.Errorf("log: %d", out)
	}
	expect(t, s.lines(), "notice *7 log, server: kong")
	s.end(k)
	if vm := stateOf(s.w).current; vm.requests != 0 || vm.lj.Live() != 0 {
		t.Errorf("%d requests, %d threads", vm.requests, vm.lj.Live())
	}
}

func TestErrorsAreLoggedAndFail(t *testing.T) {
	s := newStage(t, Options{})
	a := s.plugin("a", `local function broken(self, conf) error("broken", 0) end
		P.access, P.rewrite, P.header_filter, P.body_filter, P.log, P.init_worker = broken, broken, broken, broken, broken, broken`)
	b := s.plugin("b", `for _, p in ipairs { "access", "rewrite", "header_filter", "body_filter", "log" } do P[p] = function() say("next") end end`)
	all := s.start(a, b)
	if got := s.lines(); !strings.HasPrefix(got, "error [lua] init_worker of plugin \"a\" failed: broken\nstack traceback:\n") {
		t.Errorf("init_worker: %s", got)
	}
	for _, c := range []struct {
		ph   phase.Phase
		want string
	}{
		{phase.Access, "error *7 [lua] access: [a] broken\nstack traceback:\n\t[C]: in function 'error'\n"},
		{phase.Rewrite, "error *7 [lua] rewrite of plugin \"a\" failed: broken\nstack traceback:\n"},
		{phase.HeaderFilter, "error *7 [lua] header_filter of plugin \"a\" failed: broken\nstack traceback:\n"},
		{phase.Log, "error *7 [lua] log of plugin \"a\" failed: broken\nstack traceback:\n"},
	} {
		k, _ := s.request()
		if out := s.rt.Run(k, c.ph, all); out != plugin.Fail {
			t.Errorf("%s: outcome %d", c.ph, out)
		}
		if got := s.lines(); !strings.HasPrefix(got, c.want) || strings.Contains(got, "next") {
			t.Errorf("%s: %s", c.ph, got)
		}
		s.end(k)
	}
	k, _ := s.request()
	defer s.end(k)
	if _, out := s.rt.Filter(k, all, []byte("x"), true); out != plugin.Fail {
		t.Errorf("body_filter: outcome %d", out)
	}
	if chunk, out := s.rt.Filter(k, all[1:], []byte("x"), true); out != plugin.Continue || string(chunk) != "x" {
		t.Errorf("body_filter: outcome %d %q", out, chunk)
	}
}

func TestARequestThatEndsWhileItsHandlerWaits(t *testing.T) {
	s := newStage(t, Options{})
	all := s.start(s.plugin("a", `function P:access() later() say("never") end`))
	later = nil
	k, h := s.request()
	s.rt.Run(k, phase.Access, all)
	s.end(k)
	later[0].Done()
	if got := s.lines(); got != "" || len(h.outcomes) != 0 || stateOf(s.w).current.lj.Live() != 0 {
		t.Errorf("after the end: %q %v", got, h.outcomes)
	}
}

func TestNewCodeMakesANewVMAndOldRequestsKeepTheirs(t *testing.T) {
	s := newStage(t, Options{})
	p := s.plugin("a", `local n = 0 function P:access() n = n + 1 later() say("one", n) end`)
	all := s.start(p)
	later = nil
	k, h := s.request()
	s.rt.Run(k, phase.Access, all)
	old := stateOf(s.w).current
	p2 := s.plugin("a", `function P:access() say("two") end`)
	s.gen.Plugins, s.gen.CodeChanged = []*plugin.Plugin{p2}, true
	if err := s.rt.Start(s.w, s.gen); err != nil {
		t.Fatal(err)
	}
	if vm := stateOf(s.w).current; vm == old {
		t.Fatal("the VM is still the old one")
	}
	k2, _ := s.request()
	s.rt.Run(k2, phase.Access, all)
	s.end(k2)
	later[0].Done()
	s.rt.Run(k, phase.Access, all)
	later[1].Done()
	if old.lj == nil {
		t.Error("the old VM closed under a request")
	}
	s.end(k)
	if old.lj != nil || len(stateOf(s.w).retired) != 0 {
		t.Error("the old VM is still there")
	}
	expect(t, s.lines(), "notice *7 two, server: kong\nnotice *7 one 1, server: kong\nnotice *7 one 2, server: kong")
	if len(h.outcomes) != 2 {
		t.Errorf("outcomes %v", h.outcomes)
	}
	// broken code leaves the running VM in place
	s.file("kong/plugins/a/handler.lua", "syntax error")
	now := stateOf(s.w).current
	if err := s.rt.Start(s.w, s.gen); err == nil || stateOf(s.w).current != now {
		t.Errorf("broken code: %v", err)
	}
}

func TestRunawaysInThePhasesOfARequest(t *testing.T) {
	s := newStage(t, Options{MemoryLimit: 48 << 20, TimeBudget: 300 * time.Millisecond})
	all := s.start(
		s.plugin("loop", `local function f() while true do end end P.access, P.header_filter, P.log = f, f, f`),
		s.plugin("hog", `local function f() local t = {} for i = 1, 1e9 do t[i] = {i} end end P.access, P.header_filter, P.log = f, f, f`),
		s.plugin("gsub", `local function g(s) return (s:gsub(".", g)) end local function f() g("aaa") end P.access, P.header_filter, P.log = f, f, f`),
		s.plugin("tab", `local function f() error({ code = 1 }) end P.access, P.header_filter, P.log = f, f, f`),
		s.plugin("good", `local function f() say("good") end P.access, P.header_filter, P.log = f, f, f`))
	want := []string{"handler exceeded its time budget", "not enough memory", "stack overflow", "the error is a table: {code=1}"}
	for _, ph := range []phase.Phase{phase.Access, phase.HeaderFilter, phase.Log} {
		for i, text := range want {
			k, _ := s.request()
			if out := s.rt.Run(k, ph, all[i:i+1]); out != plugin.Fail {
				t.Errorf("%s %s: outcome %d", all[i].Plugin.Name, ph, out)
			}
			if got := s.lines(); !strings.Contains(got, text) || !strings.Contains(got, all[i].Plugin.Name) {
				t.Errorf("%s %s: %s", all[i].Plugin.Name, ph, got)
			}
			if out := s.rt.Run(k, ph, all[4:]); out != plugin.Continue || !strings.Contains(s.lines(), "good") {
				t.Errorf("the next handler: outcome %d", out)
			}
			s.end(k)
		}
	}
}

func TestForgottenConfigurations(t *testing.T) {
	s := newStage(t, Options{})
	p := s.plugin("a", `function P:access(conf) say(conf.tag) end`)
	s.start(p)
	vm := stateOf(s.w).current
	for i := range 20 {
		b := s.bound(p, map[string]any{"tag": fmt.Sprint(i)})
		g := &plugin.Generation{Number: uint64(i + 2), Plugins: []*plugin.Plugin{p}, Bound: map[string][]*plugin.Bound{"a": {b}}}
		if err := s.rt.Start(s.w, g); err != nil {
			t.Fatal(err)
		}
		k, _ := s.request()
		s.rt.Run(k, phase.Access, []*plugin.Bound{b})
		s.end(k)
		expect(t, s.lines(), fmt.Sprintf("notice *7 %d, server: kong", i))
	}
	if len(vm.bound) > 2 || len(vm.stale) > 0 {
		t.Errorf("%d configurations bound, %d stale", len(vm.bound), len(vm.stale))
	}
}

func BenchmarkRunAccess(b *testing.B) {
	s := newStage(b, Options{})
	all := s.start(s.plugin("a", `function P:access() end`))
	k, _ := s.request()
	defer s.end(k)
	b.ReportAllocs()
	for b.Loop() {
		s.rt.Run(k, phase.Access, all)
	}
}

func BenchmarkRunLog(b *testing.B) {
	s := newStage(b, Options{})
	all := s.start(s.plugin("a", `function P:log() end`))
	k, _ := s.request()
	defer s.end(k)
	b.ReportAllocs()
	for b.Loop() {
		s.rt.Run(k, phase.Log, all)
	}
}

func BenchmarkFilter(b *testing.B) {
	s := newStage(b, Options{})
	all := s.start(s.plugin("a", `function P:body_filter() end`))
	k, _ := s.request()
	defer s.end(k)
	chunk := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		s.rt.Filter(k, all, chunk, false)
	}
	runtime.KeepAlive(chunk)
}
