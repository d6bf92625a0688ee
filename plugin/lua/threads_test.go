package lua

import (
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

const workModule = `local M = {} local calls = 0
	function M.echo(...) return ... end
	function M.count() calls = calls + 1 return calls end
	function M.fail(what) error(what) end
	function M.spin(seconds) local till = os.clock() + seconds while os.clock() < till do end return "spun" end
	function M.shared() local d = ngx.shared.t return d:get("k"), ngx.encode_base64("a"), ngx.md5("b"):sub(1, 4), pcall(function() return ngx.var.uri end) end
	function M.socket() return pcall(function() local s = ngx.socket.tcp() return s:connect("127.0.0.1", 1) end) end
	function M.closure() return function() end end
	function M.nest() local t = { 1, { a = { b = true } }, x = "y", [2.5] = 0 } return t, nil, 5 end
	function M.exit() ngx.exit(500) end
	function M.null() return ngx.null end
	return M`

func threadsStage(t *testing.T, o Options, body string) *liveStage {
	t.Helper()
	if err := luajit.DeclareShared("t", 1<<20); err != nil {
		t.Fatal(err)
	}
	// The file is there before the plugin loads: live writes the plugin into the stage's folder.
	return live(t, o, `local run = ngx.run_worker_thread function P:access() `+body+` end`)
}

func TestRunWorkerThread(t *testing.T) {
	s := threadsStage(t, Options{}, `ngx.shared.t:set("k", "v")
		say(run("default", "work", "echo", 1, "two", true, nil, { a = { 1, 2 } }) ) say(select("#", run("default", "work", "echo", nil, nil)))
		local ok, t, n, five = run("default", "work", "nest") say(ok, t[1], t[2].a.b, t.x, t[2.5], n, five)
		local before = { q = { 1 } } local _, after = run("default", "work", "echo", before) after.q[1] = 2 say(before.q[1])
		say(run("default", "work", "echo", ("x"):rep(100000)) == true)
		say(run("none", "work", "echo")) say(run("default", "absent", "f")) say(run("default", "work", "absent")) say(run("default", "work", "fail", "boom"))
		say(run("default", "work", "echo", print)) say(run("default", "work", "closure")) say(pcall(run, "default", "work", 1))
		say(run("default", "work", "shared")) say(run("default", "work", "socket")) say((run("default", "work", "exit"))) say(select(2, run("default", "work", "null")) == ngx.null)
		local start = ngx.now() local list = {} for i = 1, 2 do list[i] = ngx.thread.spawn(run, "default", "work", "spin", 0.05) end
		local slept = 0 while slept < 2 do ngx.sleep(0.001) slept = slept + 1 end say(slept) for i = 1, 2 do say(ngx.thread.wait(list[i])) end`)
	s.file("work.lua", workModule)
	got, _ := s.run()
	var lines []string
	for _, l := range strings.Split(got, "\n") {
		if strings.HasPrefix(l, "false module 'absent' not found") {
			l = "false module 'absent' not found"
		} else if strings.HasPrefix(l, "\t") {
			continue
		}
		lines = append(lines, l)
	}
	got = strings.Join(lines, "\n")
	for _, want := range []string{"true 1 two true nil table: ", "\n3\ntrue 1 true y 0 nil 5\n1\ntrue\nfalse thread pool none not found\nfalse module 'absent' not found\nfalse module work has no function absent\n",
		"work.lua:4: boom\n", "false unsupported Lua type in the arguments: cannot serialize 'function'\nfalse unsupported Lua type in the results: cannot serialize 'function'\n",
		"false bad argument #3 to 'run_worker_thread' (string expected, got number)\n", "true v YQ== 92eb false ", "\n2\ntrue true spun\ntrue true spun"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	s.idle()
}

// A full pool makes calls wait, a full queue refuses them; a request that ends while it waits leaves nothing.
func TestWorkerThreadPoolIsBounded(t *testing.T) {
	s := threadsStage(t, Options{ThreadPools: []ThreadPool{{Name: "small", Threads: 1, Queue: 2}}}, `
		local list = {} for i = 1, 4 do list[i] = ngx.thread.spawn(run, "small", "work", "spin", 0.02) end for i = 1, 4 do say(select(2, ngx.thread.wait(list[i]))) end
		say(select(2, run("small", "work", "count")), select(2, run("small", "work", "count")))`)
	s.file("work.lua", workModule)
	got, _ := s.run()
	var trues, refused int
	for _, l := range strings.Split(got, "\n") {
		switch {
		case strings.HasPrefix(l, "true"):
			trues++
		case strings.HasPrefix(l, `false thread pool "small" queue overflow`):
			refused++
		}
	}
	if trues != 3 || refused != 1 || !strings.HasSuffix(got, "1 2") {
		t.Error(got)
	}
	k, _ := s.begin()
	s.on(func() { s.end(k) })
	s.idle()
	time.Sleep(20 * time.Millisecond)
}

// Fresh code is found by threads, too; a runaway one is stopped.
func TestWorkerThreadReload(t *testing.T) {
	s := threadsStage(t, Options{TimeBudget: 100 * time.Millisecond}, `say(select(2, run("default", "work", "version"))) say(run("default", "work", "forever"))`)
	s.file("work.lua", `return { version = function() return "one" end, forever = function() while true do end end }`)
	got, _ := s.run()
	if !strings.HasPrefix(got, "one\nfalse ") || !strings.Contains(got, "budget") {
		t.Error(got)
	}
	s.file("work.lua", `return { version = function() return "two" end, forever = function() return "over" end }`)
	s.on(func() {
		g := *s.gen
		g.CodeChanged = true
		if err := s.rt.Start(s.w, &g); err != nil {
			t.Error(err)
		}
	})
	got, _ = s.run()
	expect(t, got, "two\ntrue over")
	s.idle()
}
