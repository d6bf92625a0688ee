package lua

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// inAccess runs body in access with the shared dictionary "t".
func inAccess(t *testing.T, body string) string {
	t.Helper()
	if err := luajit.DeclareShared("t", 1<<20); err != nil {
		t.Fatal(err)
	}
	s := live(t, Options{}, "function P:access() ngx.shared.t:flush_all() "+body+" end")
	got, _ := s.run()
	s.idle()
	return got
}

func TestRestyLock(t *testing.T) {
	got := inAccess(t, `local lock = require "resty.lock"
		say(lock:new("absent")) local a, b = lock:new("t"), lock:new("t", { timeout = 0.02 })
		say(a:lock("k")) say(a:lock("k")) say(b:lock("k")) say(b:unlock()) say(a:expire(10))
		local w = ngx.thread.spawn(function() local c = lock:new("t") local e = c:lock("k") return e > 0, c:unlock() end)
		ngx.sleep(0.01) say(a:unlock()) say(ngx.thread.wait(w)) say(a:unlock())`)
	expect(t, got, "nil dictionary not found\n0\nnil locked\nnil timeout\nnil unlocked\ntrue\n1\ntrue true 1\nnil unlocked")
}

func TestMlcache(t *testing.T) {
	got := inAccess(t, `local mlcache = require "resty.mlcache"
		say(mlcache.new("n", "absent")) local n = 0
		local c = assert(mlcache.new("one", "t", { ttl = 0.05, neg_ttl = 0.05, ipc_shm = "t" }))
		local function cb(v, err, ttl) n = n + 1 ngx.sleep(0.01) return v, err, ttl end
		say(c:get("k", nil, cb, "v")) say(c:get("k", nil, cb, "x")) say(n)
		say(select(2, c:peek("k")), select(3, c:peek("k"))) say(c:peek("absent"))
		say(c:get("nil", nil, cb)) say(c:get("nil", nil, cb, "x")) ngx.sleep(0.07) say(c:get("nil", nil, cb, "x"))
		say(c:get("err", nil, cb, nil, "bad")) say((select(2, c:get("throws", nil, function() error("thrown", 0) end)):match("^[^\n]*")))
		say(c:set("k", nil, { a = 1 })) say(c:get("k").a) say(c:delete("k")) say(c:get("k"))
		-- one callback for many
		n = 0 local list = {} for i = 1, 10 do list[i] = ngx.thread.spawn(c.get, c, "many", nil, cb, i) end
		local same = true for i = 1, 10 do local _, v = ngx.thread.wait(list[i]) same = same and v == 1 end say(n, same)
		local r = c:get_bulk({ "a", nil, cb, 1, "b", nil, cb, 2, "a", nil, cb, 3, n = 3 }, { concurrency = 1 })
		for i, v, err, level in c.each_bulk_res(r) do say(i, v, err, level) end
		local s = assert(mlcache.new("two", "t", { ttl = 0.02, resurrect_ttl = 10, l1_serializer = function(v) return "<" .. v .. ">" end }))
		say(s:get("k", nil, cb, "v")) say(s:get("k", nil, cb, "v")) ngx.sleep(0.03) say(s:get("k", nil, cb, nil, "down")) say(pcall(s.set, s, "k", nil, 1))
		say(pcall(c.get, c, 1)) say(pcall(c.get, c, "k", { ttl = -1 }))`)
	if i := strings.Index(got, "warn "); i >= 0 { // the resurrection is logged
		j := i + strings.IndexByte(got[i:], '\n')
		got = got[:i] + got[j+1:]
	}
	expect(t, got, `nil no such lua_shared_dict: absent
v nil 3
v nil 1
1
nil v nil
nil
nil nil 3
nil nil 1
x nil 3
nil bad nil
callback threw an error: thrown
true
1
true
nil nil -1
1 true
1 1 nil 3
2 2 nil 3
3 1 nil 1
<v> nil 3
<v> nil 1
<v> nil 4
false no ipc to propagate update, specify opts.ipc_shm or opts.ipc
false key must be a string
false opts.ttl must be >= 0`)
}

// Requests of one worker that miss at the same time cause one callback.
func TestKongCacheAsksOnce(t *testing.T) {
	s := live(t, Options{}, `local n = 0
		function P:access() local v, err, level = kong.cache:get("flight", nil, function() n = n + 1 ngx.sleep(0.02) return n end) say(v, err, level) end`)
	s.on(func() { kongDicts(t) })
	var chs []chan plugin.Outcome
	var ends []func()
	for range 5 {
		k, ch := s.begin()
		chs = append(chs, ch)
		ends = append(ends, func() { s.end(k) })
	}
	for i, ch := range chs {
		<-ch
		s.on(ends[i])
	}
	got := s.said()
	if strings.Count(got, "1 nil 3") != 1 || strings.Count(got, "1 nil") != 5 {
		t.Error(got)
	}
	s.idle()
}

func kongDicts(t *testing.T) {
	for _, n := range []string{"kong_db_cache", "kong_locks"} {
		if err := luajit.DeclareShared(n, 1<<20); err != nil {
			t.Error(err)
		}
	}
}
