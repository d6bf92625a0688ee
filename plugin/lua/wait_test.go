package lua

import (
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func TestSleepSuspends(t *testing.T) {
	s := live(t, Options{}, `function P:access() local t = ngx.now() ngx.sleep(0.05) ngx.update_time() say(ngx.now() - t >= 0.045)
		ngx.sleep(0) say(pcall(ngx.sleep, -1)) say(pcall(ngx.sleep, "x")) end`)
	got, _ := s.run()
	expect(t, got, `true
false invalid sleep duration "-1000"
false bad argument #1 to '?' (number expected, got string)`)
	s.idle()
}

func TestThreads(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"order", `local order = {}
			local a = ngx.thread.spawn(function(x, y) order[#order + 1] = "a" ngx.sleep(0.03) order[#order + 1] = "a end" return x + y, "x" end, 1, 2)
			local b = ngx.thread.spawn(function() order[#order + 1] = "b" ngx.sleep(0.01) order[#order + 1] = "b end" return "second" end)
			say(type(a), coroutine.status(a))
			say(ngx.thread.wait(a, b)) say(ngx.thread.wait(a)) say(table.concat(order, ",")) say(coroutine.status(a))
			say(pcall(ngx.thread.wait, a))`,
			"thread running\ntrue second\ntrue 3 x\na,b,b end,a end\ndead\ntrue nil already waited or killed"},
		{"quick", `local q = ngx.thread.spawn(function() return "now" end) say(coroutine.status(q), ngx.thread.wait(q))`, "zombie true now"},
		{"kill", `local k = ngx.thread.spawn(function() ngx.sleep(5) end) say(ngx.thread.kill(k)) say(coroutine.status(k)) say(ngx.thread.kill(k))`,
			"1\ndead\nnil already waited or killed"},
		{"not threads", `say(pcall(ngx.thread.wait, 1)) say(pcall(ngx.thread.wait, coroutine.create(function() end)))`,
			"false bad argument #1 to '?' (lua thread expected)\nfalse attempt to wait on a coroutine that is not a user thread"},
		{"the phase ends with its last thread", `ngx.thread.spawn(function() ngx.sleep(0.02) say("late") end) say("handler ends")`, "handler ends\nlate"},
		{"exit in a thread", `ngx.thread.spawn(function() ngx.sleep(0.01) native.exit() end) ngx.sleep(3) say("never")`, ""},
		{"inside coroutines", `local f = coroutine.wrap(function() local t = ngx.thread.spawn(function() ngx.sleep(0.01) return 1 end) coroutine.yield(2) return ngx.thread.wait(t) end)
			say(f()) say(f())`, "2\ntrue 1"},
		{"yield takes turns", `local out = {} local function f(n) for i = 1, 2 do out[#out + 1] = n .. i coroutine.yield() end end
			local a, b = ngx.thread.spawn(f, "a"), ngx.thread.spawn(f, "b") ngx.thread.wait(a) ngx.thread.wait(b) say(table.concat(out, " "))`, "a1 b1 a2 b2"},
		{"nested", `say(ngx.thread.wait(ngx.thread.spawn(function() return ngx.thread.wait(ngx.thread.spawn(function() ngx.sleep(0) return "deep" end)) end)))`,
			"true true deep"},
		{"semaphores", `local sem = require("ngx.semaphore").new() say(sem:count(), sem:wait(0.01)) sem:post(2) say(sem:count(), sem:wait(0.01), sem:count())
			local w = ngx.thread.spawn(function() return sem:wait(1), sem:wait(1) end) say("waiting", sem:count()) sem:post() say(ngx.thread.wait(w))`,
			"0 false timeout\n2 true 1\nwaiting -1\ntrue true true nil"},
		{"many", `local n, list = 0, {} for i = 1, 500 do list[i] = ngx.thread.spawn(function() ngx.sleep(i % 7 / 1000) n = n + 1 end) end
			for i = 1, 500 do ngx.thread.wait(list[i]) end say(n)`, "500"},
		{"killed while it waits for a thread", `local inner
			local outer = ngx.thread.spawn(function() inner = ngx.thread.spawn(function() ngx.sleep(0.02) return "x" end) ngx.thread.wait(inner) end)
			ngx.sleep(0) say(ngx.thread.kill(outer)) say(ngx.thread.wait(inner))`, "1\ntrue x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := live(t, Options{}, "function P:access() "+c.body+" end")
			got, _ := s.run()
			expect(t, got, c.want)
			s.idle()
		})
	}
}

func TestErrorsOfThreads(t *testing.T) {
	s := live(t, Options{}, `function P:access() say(ngx.thread.wait(ngx.thread.spawn(function() error("in thread", 0) end)))
		local ok, e = ngx.thread.wait(ngx.thread.spawn(function() error({ code = 3 }) end)) say(ok, e.code) end`)
	got, out := s.run()
	if !strings.Contains(got, "lua user thread aborted: runtime error: in thread\nstack traceback:") || !strings.Contains(got, "\nfalse in thread\n") ||
		!strings.HasSuffix(got, "\nfalse 3") || out != plugin.Continue {
		t.Errorf("%d: %s", out, got)
	}
	s.idle()
}

// A handler fails while its threads wait: they go with it.
func TestFailureEndsThreads(t *testing.T) {
	s := live(t, Options{}, `function P:access() for i = 1, 10 do ngx.thread.spawn(function() ngx.sleep(5) say("never") end) end error("on purpose") end`)
	if got, out := s.run(); out != plugin.Fail || !strings.Contains(got, "on purpose") {
		t.Errorf("%d: %s", out, got)
	}
	s.idle()
	s.on(func() {})
}

func TestThreadsThatWaitForEachOtherFail(t *testing.T) {
	s := live(t, Options{}, `function P:access() local t t = ngx.thread.spawn(function() ngx.sleep(0) ngx.thread.wait(t) end) ngx.thread.wait(t) end`)
	if got, out := s.run(); out != plugin.Fail || !strings.Contains(got, "all threads of the handler wait for each other") {
		t.Errorf("%d: %s", out, got)
	}
	s.idle()
}

func TestRequestEndsWhileItSleeps(t *testing.T) {
	s := live(t, Options{}, `local sem = require("ngx.semaphore").new()
		function P:access() ngx.thread.spawn(function() sem:wait(100) end) ngx.sleep(100) say("never") end`)
	k, _ := s.begin()
	s.on(func() { s.end(k) })
	s.idle()
	expect(t, s.said(), "")
}

func TestTimers(t *testing.T) {
	s := live(t, Options{}, `local n = 0
		function P:init_worker() say(type(ngx.timer.at(0, function(premature, x) ngx.sleep(0.001) say("from init_worker", premature, x) end, 7))) end
		function P:access() ngx.ctx.x = "request"
			ngx.timer.at(0, function(premature, a, b, ...)
				say(premature, a, b[1], select("#", ...), ngx.get_phase(), ngx.ctx.x)
				say(pcall(ngx.req.get_headers)) say(pcall(ngx.say, "x")) say(pcall(ngx.sleep, 0.001)) say(ngx.timer.running_count(), ngx.timer.pending_count())
			end, "arg", { 1 }, nil)
			local name = kong.timer:named_every("tick", 0.01, function() n = n + 1 if n == 3 then say("third", kong.timer:cancel("tick")) end end)
			say(name, kong.timer:named_at("tick", 1, print))
			say(pcall(ngx.timer.at, -1, print)) say(pcall(ngx.timer.at, 0, "x")) say(pcall(ngx.timer.every, 0, print)) end
		function P:log() end`)
	time.Sleep(50 * time.Millisecond)
	expect(t, s.said(), "string\nfrom init_worker false 7")
	got, _ := s.run()
	time.Sleep(100 * time.Millisecond)
	expect(t, got+"\n"+s.said(), "tick nil already exists timer\nfalse expected `delay` to be greater than or equal to 0\nfalse expected `callback` to be a function\n"+
		"false expected `interval` to be greater than or equal to 0\n"+
		"false arg 1 1 timer nil\nfalse API disabled in the current context\nfalse API disabled in the context of ngx.timer\ntrue\n1 1\nthird true")
	s.idle()
}

func TestErrorInTimerIsLogged(t *testing.T) {
	s := live(t, Options{}, `function P:init_worker() ngx.timer.at(0, function() error("broken timer") end) end`)
	time.Sleep(50 * time.Millisecond)
	if got := s.said(); !strings.Contains(got, "[lua] entry thread of a timer aborted: ") || !strings.Contains(got, "broken timer\nstack traceback:") {
		t.Error(got)
	}
	s.idle()
}

// A reload of code and the end of a worker fire timers early; what still runs
// in the old VM goes on to its end, then the VM closes.
func TestTimersArePrematureOnReload(t *testing.T) {
	s := live(t, Options{}, `function P:init_worker() ngx.timer.at(100, function(premature) say("at", premature, ngx.timer.at(100, print)) ngx.sleep(0.02) say("slept") end)
		ngx.timer.every(100, function(premature) say("every", premature) end) end
		function P:access() ngx.sleep(0.05) say("access") end`)
	k, ch := s.begin()
	s.on(func() {
		g := *s.gen
		g.CodeChanged = true
		if err := s.rt.Start(s.w, &g); err != nil {
			t.Error(err)
		}
	})
	<-ch
	s.on(func() { s.end(k) })
	got := s.said()
	for end := time.Now().Add(5 * time.Second); !strings.Contains(got, "slept") && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got += "\n" + s.said()
	}
	for _, want := range []string{"at true nil process exiting", "every true", "slept", "access"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	s.on(func() {
		stateOf(s.w).sweep()
		if st := stateOf(s.w); len(st.retired) != 0 {
			t.Errorf("%d retired VMs remain", len(st.retired))
		}
	})
	s.idle()
}

// A handler that never waits for long enough does not keep others from being served.
func TestSpinningHandler(t *testing.T) {
	s := live(t, Options{}, `local n = 0
		function P:access() n = n + 1 if n == 1 then while true do echo(1) end end ngx.sleep(0) say("served") end`)
	k, _ := s.begin()
	got, _ := s.run()
	expect(t, got, "served")
	s.on(func() { s.end(k) })
	s.idle()
}

// The last timer of a VM may end, and with it the VM, while a reload fires it.
func TestTheLastTimerEndsDuringAReload(t *testing.T) {
	s := live(t, Options{}, `function P:init_worker() ngx.timer.at(100, function() end) end function P:access() say("access") end`)
	s.on(func() {
		g := *s.gen
		g.CodeChanged = true
		if err := s.rt.Start(s.w, &g); err != nil {
			t.Error(err)
		}
	})
	got, _ := s.run()
	expect(t, got, "access")
	s.idle()
}

// A timer that sets itself again, premature or not, does not hold up a reload.
func TestATimerThatAlwaysComesBack(t *testing.T) {
	s := live(t, Options{}, `function P:init_worker()
		local function again(premature) if premature then ngx.timer.at(0, again) end end
		ngx.timer.at(100, again)
	end
	function P:access() say("access") end`)
	reloaded := make(chan struct{})
	go s.on(func() {
		defer close(reloaded)
		g := *s.gen
		g.CodeChanged = true
		if err := s.rt.Start(s.w, &g); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-reloaded:
	case <-time.After(10 * time.Second):
		t.Fatal("the reload does not end")
	}
	got, _ := s.run()
	expect(t, got, "access")
	s.idle()
}

func TestTooManyTimers(t *testing.T) {
	s := live(t, Options{}, `function P:access() local n, err = 0 repeat local ok ok, err = ngx.timer.at(100, print) n = n + 1 until not ok say(n, err) end`)
	s.logger.SetLevel(log.Notice)
	got, _ := s.run()
	expect(t, got, "16385 too many pending timers")
}

func TestSemaphoreAcrossRequests(t *testing.T) {
	s := live(t, Options{}, `local sem, n = require("ngx.semaphore").new(), 0
		function P:access() n = n + 1 if n == 3 then sem:post(2) say("posted", sem:count()) else say(sem:wait(2)) end end`)
	a, ach := s.begin()
	b, bch := s.begin()
	c, cch := s.begin()
	for _, ch := range []chan plugin.Outcome{ach, bch, cch} {
		select {
		case <-ch:
		case <-time.After(time.Second):
			t.Fatal("not woken")
		}
	}
	s.on(func() { s.end(a); s.end(b); s.end(c) })
	expect(t, s.said(), "posted 0\ntrue nil\ntrue nil")
	s.idle()
}
