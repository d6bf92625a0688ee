package luajit

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hoards are ways to fill the heap. Each is a chunk that keeps what it makes in
// t and never ends by itself; n is a number that changes from round to round.
var hoards = []struct{ name, body string }{
	{"tables", `while true do t[#t+1] = {{}, {n}, {a = 1}} end`},
	{"table fields", `local i = 0 while true do i = i + 1 t["k" .. i] = i end`},
	{"array", `local i = 0 while true do i = i + 1 t[i] = i end`},
	{"arrays", `while true do local a = {} for i = 1, 100 + n do a[i] = i end t[#t+1] = a end`},
	{"doubling", `local s = "x" while true do s = s .. s t[1] = s end`},
	{"concat", `while true do t[#t+1] = ("x"):rep(900 + n) .. #t end`},
	{"concat op", `local s = "" while true do s = s .. "0123456789abcdef" .. n t[#t+1] = s end`},
	{"rep", `while true do t[#t+1] = string.rep("x", 1000 + #t) end`},
	{"closures", `while true do local u = {} t[#t+1] = function() return u end end`},
	{"coroutines", `while true do local co = coroutine.create(function() coroutine.yield(1) end) coroutine.resume(co) t[#t+1] = co end`},
	{"coroutine wrap", `while true do t[#t+1] = coroutine.wrap(function() while true do local u = {} coroutine.yield(u) end end) t[#t+1] = t[#t]() end`},
	{"cdata", `local ffi = require "ffi" while true do t[#t+1] = ffi.new("int[?]", 100 + n) end`},
	{"int64", `local x = 0LL while true do x = x + 1 t[#t+1] = x end`},
	{"buffer", `local b = require "string.buffer".new() while true do b:put("0123456789abcdef", n, "\n") end`},
	{"buffers", `local new = require "string.buffer".new while true do local b = new() b:put("x", n) b:put(("y"):rep(100)) t[#t+1] = b end`},
	{"buffer encode", `local enc = require "string.buffer".encode while true do t[#t+1] = enc({a = n, b = {1, 2, #t}}) end`},
	{"gsub callback", `while true do string.gsub("abcdefgh", "%a", function(c) t[#t+1] = c .. #t .. n return {} and "z" end) end`},
	{"gsub growing", `local s = "ab" while true do s = string.gsub(s, "%a", "%0%0") t[1] = s end`},
	{"format", `while true do t[#t+1] = string.format("%s-%d-%5.2f-%q", "abc", #t, n + 0.5, "x\ny") end`},
	{"tostring", `while true do t[#t+1] = tostring(#t + 0.25) end`},
	{"table concat", `local a = {"a", "b", "c", "d"} while true do a[4] = tostring(#t) t[#t+1] = table.concat(a, ",") end`},
	{"insert", `while true do table.insert(t, {n}) end`},
	{"sort", `while true do local a = {} for i = 1, 50 do a[i] = (i * 7919) % 101 end table.sort(a, function(x, y) t[#t+1] = {x} return x < y end) end`},
	{"varargs", `local k = 0 local function f(...) k = k + 1 local a, b = ... t[k] = {a, b, (select(5, ...))} return select("#", ...) end while true do f(1, 2, 3, n, {}, "x" .. k) end`},
	{"recursion", `local function f(d) local u = {d} t[#t+1] = u if d == 0 then return 0 end return 1 + f(d - 1) end while true do f(30 + n) end`},
	{"metamethod", `local mt = {__index = function(s, k) t[#t+1] = {k} return k end} local o = setmetatable({}, mt) local x = 0 while true do x = x + o[#t] end`},
	{"method", `local C = {} C.__index = C function C.new(v) return setmetatable({v = v}, C) end function C:get() return {self.v} end while true do t[#t+1] = C.new(#t):get() end`},
	{"iterator", `while true do for k, v in pairs({a = 1, b = 2}) do t[#t+1] = {k, v, n} end end`},
	{"upvalue string", `local s = "" local function add(x) s = s .. x t[#t+1] = s end while true do add("abcdefghijklmnopqrstuvwxyz" .. n) end`},
	{"loadstring", `while true do t[#t+1] = loadstring("local a = " .. #t .. " return function() return a end") end`},
	{"traceback", `while true do t[#t+1] = debug.traceback("m" .. #t) end`},
	{"setmetatable gc", `while true do t[#t+1] = setmetatable({}, {__gc = function() end, __mode = "k"}) end`},
	{"sub", `local s = ("0123456789"):rep(100) while true do for i = 1, 100 do t[#t+1] = s:sub(i, 900 + i % 97) .. i .. #t end end`},
	{"json decode", `local d = native.json_decode or function(s) return {s .. #t} end while true do t[#t+1] = d('{"a":[1,2,{"b":"c"}],"d":null}') end`},
}

// wrappers are what a handler may stand around that, to swallow the error.
var wrappers = []struct{ name, body string }{
	{"plain", `BODY`},
	{"pcall", `while true do pcall(function() BODY end) end`},
	{"pcall kept", `for i = 1, 200 do local ok, e = pcall(function() BODY end) if i % 3 == 0 then t = {} end end error("not enough memory (gave up)")`},
	{"xpcall", `while true do xpcall(function() BODY end, function(e) t[#t+1] = {e} return debug.traceback(e) end) end`},
	{"coroutine", `while true do local co = coroutine.create(function() BODY end) coroutine.resume(co) end`},
	{"called", `local function work() BODY end local function outer() local ok = pcall(work) return ok end while true do outer() end`},
	{"inner loop", `local function one() local k = 0 repeat k = k + 1 pcall(function() BODY end) until k > 10 return k end while true do one() end`},
}

// Whatever fills the heap, however the handler clings to life: it fails, the
// process lives, and the VM serves on, unless it is to be replaced. With
// GIBBON_STRESS=N every way is tried N times.
func TestMemoryLimit(t *testing.T) {
	rounds := 1
	all := os.Getenv("GIBBON_STRESS")
	if all != "" {
		rounds, _ = strconv.Atoi(all)
	}
	for i, w := range wrappers {
		for j, c := range hoards {
			if all == "" && i > 0 && (i+j)%4 != 0 {
				continue
			}
			t.Run(c.name+"/"+w.name, func(t *testing.T) {
				body := strings.ReplaceAll(w.body, "BODY", c.body)
				var h *host
				for round := range rounds {
					if h = h.hoard(t, round, body, w.name == "plain"); t.Failed() {
						return
					}
				}
			})
		}
	}
}

// hoard runs body on h, a new one if that is nil, and gives the VM for the next round.
func (h *host) hoard(t *testing.T, round int, body string, plain bool) *host {
	if h == nil {
		h = newHost(t, 8<<20)
	}
	b := h.plugin("p", "local t, n = {}, "+strconv.Itoa(round%50)+"\n"+body)
	patience := time.Second
	if plain {
		patience = 20 * time.Second
	}
	stop := h.stopAfter(patience)
	ev := h.drive(phaseAccess, b)
	stop()
	text := string(ev.Data)
	late := !plain && strings.Contains(text, "exceeded its time budget") // it let go again and again
	if ev.Kind != Fail || !late && !strings.Contains(text, "not enough memory") {
		t.Errorf("round %d: %d %.300q", round, ev.Kind, text)
	}
	if h.Live() != 0 {
		t.Errorf("%d threads still live", h.Live())
	}
	if _, retire := h.Memory(); retire {
		return nil
	}
	if got := h.value(`local t = {} for i = 1, 100 do t[i] = "x" .. i end native.log(4, #table.concat(t))`); got != "4 292" {
		t.Errorf("round %d: afterwards %q", round, got)
	}
	return h
}

// stopAfter interrupts the next run again and again, once it lasts that long.
func (h *host) stopAfter(d time.Duration) (end func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(d):
				if e, _ := h.Running(); e != 0 {
					h.Interrupt(e)
				}
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// Blocks come from lists by size class, from the general allocator where the
// region is used up, and move between both as they grow and shrink: what they
// hold must stay the same all the while.
func TestBlocksKeepTheirContent(t *testing.T) {
	h := newHost(t, 0)
	got := h.value(`
		local kept, seed = {}, 7
		local function random(n) seed = (seed * 16807) % 2147483647 return seed % n + 1 end
		local function make(k)
			local len, list = random(700), {}
			for i = 1, random(40) do list[i] = k * i end
			for i = 1, random(20) do list["f" .. i] = k + i end
			for i = 1, random(#list) do list[#list] = nil end
			return { k = k, len = len, text = (string.char(33 + k % 90)):rep(len), list = list, n = #list }
		end
		local function check(e)
			assert(e.text == (string.char(33 + e.k % 90)):rep(e.len), "text")
			for i = 1, e.n do assert(e.list[i] == e.k * i, "array") end
			for name, v in pairs(e.list) do if type(name) == "string" then assert(v == e.k + tonumber(name:sub(2)), "field") end end
		end
		for round = 1, 60000 do -- more than the region holds, then less
			local at = random(round < 40000 and 30000 or 2000)
			if kept[at] then check(kept[at]) end
			kept[at] = make(round)
			if round == 40000 then for i = 1, 25000 do kept[i] = nil end end
		end
		collectgarbage()
		for _, e in pairs(kept) do check(e) end
		native.log(6, "same")`)
	if got != "6 same" {
		t.Error(got)
	}
}
