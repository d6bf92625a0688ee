package lua

import (
	"bufio"
	"bytes"
	"crypto/aes"
	cbc "crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
		say(pcall(c.get, c, 1)) say(pcall(c.get, c, "k", { ttl = -1 }))
		say(c:get("both", nil, cb, "v", "bad")) say(c:get("fn", nil, cb, print)) say(c:get("old", { ttl = 0.02 }, cb, "v")) ngx.sleep(0.03)
		say(c:get("old", { resurrect_ttl = 5 }, cb, nil, "down"))`)
	for i := strings.Index(got, "warn "); i >= 0; i = strings.Index(got, "warn ") { // resurrections are logged
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
false opts.ttl must be >= 0
v bad nil
nil cannot cache value of type function nil
v nil 3
v nil 4`)
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

// A value that expired is served again while its callback fails, unless it was
// forgotten; l1_serializer makes what a VM keeps of it.
func TestKongCacheServesExpired(t *testing.T) {
	s := live(t, Options{}, `local function down() return nil, "down" end
		function P:access()
			local function get(...) say(kong.cache:get(...)) end
			get("token", nil, function() return "one", nil, 0.02 end)
			ngx.sleep(0.04)
			get("token", { resurrect_ttl = 0.001 }, down)
			ngx.sleep(0.02)
			get("token", nil, function() error("thrown", 0) end)
			get("token", nil, down)
			get("token", nil, down)
			kong.cache:invalidate("token")
			get("token", nil, down)
			get("none", { neg_ttl = 0.01 }, function() end)
			ngx.sleep(0.02)
			get("none", nil, down)
			local opts = { l1_serializer = function(v) return { made = v } end }
			get("made", { l1_serializer = function() error("no", 0) end }, function() return "m" end)
			local a, _, level = kong.cache:get("made", opts, down)
			say(a.made, level, kong.cache:get("made", opts) == a)
			get("plain", { l1_serializer = function() end }, function() return 1 end)
		end`)
	s.on(func() { kongDicts(t) })
	k, ch := s.begin()
	<-ch
	s.on(func() { s.end(k) })
	want := strings.Join([]string{"one nil 3", "one nil 4",
		"nil failed to get from node cache: callback threw an error: thrown", "one nil 4", "one nil 1", "nil failed to get from node cache: down", "nil nil 3",
		"nil failed to get from node cache: down", "nil failed to get from node cache: l1_serializer threw an error: no", "m 2 true",
		"nil failed to get from node cache: l1_serializer returned a nil value"}, "\n")
	var got []string
	for line := range strings.Lines(s.said()) {
		if !strings.HasPrefix(line, "warn ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if text := strings.TrimSpace(strings.Join(got, "\n")); text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	s.idle()
}

// Options are checked as documented, settings say what none of them says, and
// what cannot be kept is an error: raised as recorded, or returned.
func TestKongCacheOptionsAndSettings(t *testing.T) {
	settings := map[string]any{"db_cache_ttl": 0.05, "db_cache_neg_ttl": 20.0, "db_resurrect_ttl": 0.0}
	s := live(t, Options{}, `local function fails(...) local ok, err = pcall(...) say(ok, (tostring(err):gsub("^.-:%d+: ", ""))) end
		function P:access()
			local c = kong.cache
			for _, bad in ipairs { { ttl = -1 }, { neg_ttl = "1" }, { resurrect_ttl = -0.5 }, { ttl = 0 / 0 }, { shm_set_tries = 0 }, { l1_serializer = 1 }, 5 } do
				fails(c.get, c, "k", bad, error)
			end
			fails(c.renew, c, "k", { ttl = -1 }, error)
			fails(c.get, c, "fn", nil, function() return function() end end) say(c:get("in", nil, function() return { a = { print } } end)) say(c:safe_set("fn", print))
			say(c:get("fn", nil, function() return function() end, nil, -1 end) ~= nil)
			say(c:get("k", nil, function() return 1 end)) say(c:get("none", nil, function() end)) ngx.sleep(0.07)
			say(c:get("none", nil, error)) say(c:get("k", nil, function() return nil, "down" end)) say((c:probe("none")) > 10)
			local bulk = c.new_bulk(2) bulk:add("a", nil, function(v) return v end, "x") bulk:add("none", nil, error)
			for i, v, err, level in c.each_bulk_res(c:get_bulk(bulk)) do say(i, v, err, level) end
			fails(c.get_bulk, c, bulk, { concurrency = 0 })
		end`)
	s.on(func() {
		kongDicts(t)
		s.gw.Settings = func(name string) any { return settings[name] }
	})
	k, ch := s.begin()
	<-ch
	s.on(func() { s.end(k) })
	expect(t, s.said(), `false opts.ttl must be >= 0
false opts.neg_ttl must be a number
false opts.resurrect_ttl must be >= 0
false opts.ttl must be >= 0
false opts.shm_set_tries must be >= 1
false opts.l1_serializer must be a function
false opts must be a table
false opts.ttl must be >= 0
false cannot cache value of type function
nil failed to get from node cache: cannot cache value of type table: Cannot serialise function: type not supported
nil cannot cache value of type function
true
1 nil 3
nil nil 3
nil nil 1
nil failed to get from node cache: down
true
1 x nil 3
2 nil nil 1
false opts.concurrency must be > 0`)
	s.idle()
}

func kongDicts(t *testing.T) {
	for _, n := range []string{"kong_db_cache", "kong_locks"} {
		if err := luajit.DeclareShared(n, 1<<20); err != nil {
			t.Error(err)
		}
	}
}

func TestQueue(t *testing.T) {
	s := live(t, Options{}, `local Queue = require "kong.tools.queue"
		local fail = 0
		local function handler(conf, entries) if fail > 0 then fail = fail - 1 return nil, "service down" end say(conf.tag, #entries, entries[1], entries[#entries]) return true end
		function P:access()
			local q = { name = "one", log_tag = "tag", max_batch_size = 3, max_coalescing_delay = 0.02, initial_retry_delay = 0.01 }
			for i = 1, 7 do assert(Queue.enqueue(q, handler, { tag = "batch" }, "e" .. i)) end
			say(Queue.exists("one"), Queue.exists("two")) Queue.drain() say(Queue.exists("one"))
			fail = 2 Queue.enqueue(q, handler, { tag = "retried" }, "x") Queue.drain()
			local full = { name = "full", max_batch_size = 10, max_entries = 3, max_coalescing_delay = 0.02 }
			for i = 1, 5 do Queue.enqueue(full, handler, { tag = "full" }, i) end Queue.drain()
			say(Queue.enqueue({ name = "bytes", max_bytes = 4 }, handler, {}, "12345")) Queue.drain()
			fail = 1000 Queue.enqueue({ name = "lost", max_retry_time = 0.05 }, handler, {}, "gone") Queue.drain() fail = 0
			local p = Queue.get_plugin_params("p", { queue = { max_batch_size = 5 }, __plugin_id = "id", queue_size = 9 })
			say(p.name, p.max_batch_size, p.log_tag) say(pcall(Queue.enqueue, {}, handler, {}, 1))
		end`)
	got, _ := s.run()
	var kept []string
	for _, l := range strings.Split(got, "\n") {
		if !strings.Contains(l, "processed") {
			kept = append(kept, strings.TrimPrefix(l[strings.Index(l, "[lua] ")+1:], "lua] "))
		}
	}
	out := strings.Join(kept, "\n")
	for _, want := range []string{"true false\n", "batch 3 e1 e3\n", "batch 3 e4 e6\n", "batch 1 e7 e7\nfalse\n", "handler could not process entries: service down\n",
		"retried 1 x x\n", "queue full, dropping old entries", "full 3 3 5\n", "longer (5 bytes)", "1 queue entries were lost", "id 9 p plugin id\nfalse enqueue: queue_conf.name must be a string"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
	s.idle()
}

func TestSocketURL(t *testing.T) {
	expect(t, inAccess(t, `local url = require "socket.url"
		local p = url.parse("https://user:pw@host.test:8443/a/b;p?q=1#frag") say(p.scheme, p.user, p.password, p.host, p.port, p.path, p.params, p.query, p.fragment, p.authority, p.userinfo)
		say(url.build(p)) p = url.parse("http://[::1]:80/x") say(p.host, p.port, p.path) say(url.parse("/only/path").path, url.parse("/only/path").host) say(url.parse(""))
		say(url.absolute("http://a.test/b/c/d?x", "../e/./f"), url.absolute("http://a.test/b/", "//c.test/d"), url.absolute("http://a.test/b", "?y=2"))
		say(url.escape("a b/ä"), url.unescape("a%20b%2F")) say(url.build_path(url.parse_path("/a b/c%2Fd/")))
		local u = require "ltn12" local t = {} say(u.pump.all(u.source.cat(u.source.string("ab"), u.source.table({ "cd" })), u.sink.chain(function(c) return c and c:upper() end, u.sink.table(t)))) say(table.concat(t))`),
		`https user pw host.test 8443 /a/b p q=1 frag user:pw@host.test:8443 user:pw
https://user:pw@host.test:8443/a/b;p?q=1#frag
::1 80 /x
/only/path nil
nil invalid url
http://a.test/b/e/f http://c.test/d http://a.test/b?y=2
a%20b%2f%c3%a4 a b/
/a%20b/c%2fd/
1
ABCD`)
}

// A URI may say who asks: the request names them, unless it does so itself.
func TestRestyHTTPUserinfo(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprint(w, r.Host == r.Context().Value(http.LocalAddrContextKey).(net.Addr).String(), " ", user, " ", password, " ", r.Header.Get("Proxy-Authorization"))
	}))
	defer srv.Close()
	at := strings.TrimPrefix(srv.URL, "http://")
	expect(t, inAccess(t, `local http, at = require "resty.http", "`+at+`"
		local function ask(uri, params, options) local c = http.new() if options then c:set_proxy_options(options) end local res, err = c:request_uri(uri, params) say(res and res.body or err) end
		ask("http://ada:se%3acret+@" .. at) ask("http://ada@" .. at .. "/", {}) ask("http://ada:x@" .. at, { headers = { authorization = "Basic Ym9iOnk=" } })
		ask("http://" .. at, nil, { http_proxy = "http://p:q@" .. at })
		local p = http.new():parse_uri("https://a:b@c@h.test:8443/p?q") say(p[1], p[2], p[3], p[4], p.userinfo) say(http.new():parse_uri("http://a:b@")) say(#http.new():parse_uri("http://a:b@[::1]/"))`),
		"true ada se:cret+ \ntrue ada  \ntrue bob y \ntrue   Basic cDpx\nhttps h.test 8443 /p?q a:b@c\nnil bad uri: http://a:b@\n5")
}

// What others may have written cannot begin a header, or a request, of its own.
func TestRestyHTTPLineBreaks(t *testing.T) {
	asked := atomic.Int64{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); fmt.Fprint(w, "there") }))
	defer srv.Close()
	expect(t, inAccess(t, `local http, at = require "resty.http", "`+srv.URL+`"
		local function ask(uri, params) local res, err = http.new():request_uri(uri, params) say(res and res.body or err) end
		ask(at .. "/a", { headers = { ["X-A"] = "b" } }) ask(at .. "/a HTTP/1.1\r\nX-B: c") ask(at .. "/a?b\nc") ask(at .. "/", { headers = { ["X-A"] = "b\r\nX-C: d" } })
		ask(at .. "/", { headers = { ["X-A\r\nX-D"] = "e" } }) ask(at .. "/", { headers = { ["X-A"] = { "a", "b\n" } } }) ask(at .. "/", { query = "a\r\nX: b" }) ask(at .. "/", { query = { a = "b\r\n" } })
		local c = http.new() c:connect { scheme = "http", host = "127.0.0.1", port = tonumber(at:match("%d+$")) } c.host = "a\r\nX: b" say(c:request { path = "/" })`),
		"there\nthe request line must not have a line break in it\nthe request line must not have a line break in it\nthe header 'X-A' must not have a line break in it\n"+
			"the header 'X-A' must not have a line break in it\nthe header 'X-A' must not have a line break in it\nthe request line must not have a line break in it\nthere\n"+
			"nil the header 'Host' must not have a line break in it")
	if n := asked.Load(); n != 2 {
		t.Errorf("%d requests came", n)
	}
}

func TestSocketHTTP(t *testing.T) {
	h := http.NewServeMux()
	h.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there?x=1", http.StatusFound) })
	h.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("X-A"))
		_, _ = w.Write(append([]byte("body:"), b...))
	})
	plain, secure := httptest.NewServer(h), httptest.NewTLSServer(h)
	defer plain.Close()
	defer secure.Close()
	got := inAccess(t, strings.NewReplacer("PLAIN", plain.URL, "SECURE", secure.URL).Replace(`local http, https, ltn12 = require "socket.http", require "ssl.https", require "ltn12"
		local body, status, headers, line = http.request("PLAIN/a?b=c") say(body, status, headers["x-seen"], line)
		body, status = http.request("PLAIN/form", "k=v") say(body, status)
		local out = {} local ok, s, h = http.request { url = "PLAIN/p", method = "PUT", headers = { ["X-A"] = "1" }, source = ltn12.source.string("data"), sink = ltn12.sink.table(out) }
		say(ok, s, h["x-seen"], table.concat(out)) body, status, headers = http.request("PLAIN/moved") say(status, headers["x-seen"])
		body, status, headers = https.request("SECURE/s") say(body, status, headers["x-seen"])
		say(http.request("http://127.0.0.1:1/")) say(require("socket").gettime() > 0)`))
	expect(t, got, "body: 200 GET /a?b=c HTTP/1.1 200 OK\nbody:k=v 200\n1 200 PUT /p 1 body:data\n200 GET /there?x=1\nbody: 200 GET /s\nnil connection refused\ntrue")
}

func TestRestyRedis(t *testing.T) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server")
	}
	sock := filepath.Join(t.TempDir(), "redis")
	c := exec.Command(path, "--port", "0", "--unixsocket", sock, "--save", "", "--dir", filepath.Dir(sock))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if s, err := net.Dial("unix", sock); err == nil {
			s.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("redis does not start")
		}
	}
	got := inAccess(t, `local redis = require "resty.redis" local r = redis:new() r:set_timeout(1000)
		say(r:connect("unix:`+sock+`")) say(r:get_reused_times()) say(r:set("k", "v")) say(r:get("k")) say(r:get("none") == ngx.null) say(r:incr("n")) say(r:incr("k"))
		say(r:hmset("h", { a = 1 })) say(r:hget("h", "a")) say(table.concat(r:mget("k", "n"), ",")) say(r:eval("return { 1, 'two', { KEYS[1] } }", 1, "key")[3][1])
		r:init_pipeline() r:set("p", 1) r:incr("p") r:incr("k") local res = r:commit_pipeline() say(res[1], res[2], res[3][1], res[3][2])
		say(r:array_to_hash(r:hgetall("h")).a) say(r:set_keepalive(10000, 10))
		r = redis:new() r:connect("unix:`+sock+`") say(r:get_reused_times())
		local s = redis:new() s:connect("unix:`+sock+`") say(s:subscribe("ch")[1]) say(s:get("k")) r:publish("ch", "hello") say(table.concat(s:read_reply(), " ")) say(s:unsubscribe("ch")[3]) say(s:get("k"))`)
	expect(t, got, "1\n0\nOK\nv\ntrue\n1\nfalse ERR value is not an integer or out of range\nOK\n1\nv,1\nkey\nOK 2 false ERR value is not an integer or out of range\n1\n1\n1\n"+
		"subscribe\nnil subscribed state\nmessage ch hello\n0\nv")
}

// A memcached that knows a few commands.
func TestRestyMemcached(t *testing.T) {
	kept := map[string]string{}
	port := portOf(serve(t, "tcp", func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			f := strings.Fields(line)
			switch f[0] {
			case "set":
				n, _ := strconv.Atoi(f[4])
				b := make([]byte, n+2)
				_, _ = io.ReadFull(r, b)
				kept[f[1]] = f[2] + " " + string(b[:n])
				_, _ = io.WriteString(c, "STORED\r\n")
			case "get":
				for _, k := range f[1:] {
					if v, ok := kept[k]; ok {
						flags, data, _ := strings.Cut(v, " ")
						_, _ = fmt.Fprintf(c, "VALUE %s %s %d\r\n%s\r\n", k, flags, len(data), data)
					}
				}
				_, _ = io.WriteString(c, "END\r\n")
			case "incr":
				_, _ = io.WriteString(c, "NOT_FOUND\r\n")
			case "version":
				_, _ = io.WriteString(c, "VERSION 1.6\r\n")
			}
		}
	}))
	got := inAccess(t, fmt.Sprintf(`local m = require("resty.memcached"):new() m:set_timeout(1000) say(m:connect("127.0.0.1", %d))
		say(m:set("a b", "val", 0, 7)) say(m:get("a b")) say(m:get("none")) m:set("c", { "x", 1 }) local t = m:get({ "a b", "c", "d" }) say(t["a b"][1], t.c[1], t.d) say(m:incr("n", 1)) say(m:version()) say(m:set_keepalive())`, port))
	expect(t, got, "1\n1\nval 7\nnil\nval x1 nil\nnil NOT_FOUND\n1.6\n1")
}

func TestRestyOpenSSL(t *testing.T) {
	expect(t, inAccess(t, `local hex = require("resty.string").to_hex
		local digest, hmac, mac, cipher, pkey, rand, kdf, bn = require "resty.openssl.digest", require "resty.openssl.hmac", require "resty.openssl.mac", require "resty.openssl.cipher", require "resty.openssl.pkey", require "resty.openssl.rand", require "resty.openssl.kdf", require "resty.openssl.bn"
		local d = digest.new("sha256") d:update("a", "b") say(hex(d:final("c"))) say(digest.new("nope"))
		say(hex(hmac.new("key", "sha256"):final("data"))) say(hex(mac.new("key", "HMAC", nil, "sha1"):final("x")))
		local c = cipher.new("aes-128-cbc") local e = c:encrypt(("k"):rep(16), ("i"):rep(16), "hello world") say(hex(e)) say(c:decrypt(("k"):rep(16), ("i"):rep(16), e)) say(c:encrypt("short", "", "x"))
		local g = cipher.new("aes-256-gcm") e = g:encrypt(("k"):rep(32), ("n"):rep(12), "secret", false, "aad") local tag = g:get_aead_tag()
		say(#tag, g:decrypt(("k"):rep(32), ("n"):rep(12), e, false, "aad", tag)) say((g:decrypt(("k"):rep(32), ("n"):rep(12), e, false, "bad", tag)))
		for _, o in ipairs { { type = "RSA", bits = 2048 }, { type = "EC", curve = "prime256v1" }, { type = "Ed25519" } } do
			local k = assert(pkey.new(o)) local raw = { ecdsa_use_raw = true }
			local sig = assert(k:sign("message", "sha256", nil, raw)) local pub = assert(pkey.new(k:tostring("public"))) say(o.type, pub:verify(sig, "message", "sha256", nil, raw), pub:verify(sig, "other", "sha256", nil, raw), pub:is_private(), (pub:sign("x")))
			local again = assert(pkey.new(k:tostring("private", "JWK"), { format = "JWK" })) say(again:tostring("private") == k:tostring("private"), assert(pkey.new(k:tostring("public", "JWK"))):tostring() == pub:tostring(), assert(pkey.new(k:tostring("private", "DER"), { format = "DER", type = "pr" })):is_private())
		end
		local k = pkey.new { bits = 2048 } local dg = digest.new("sha256") dg:update("m") local sig = k:sign(dg) dg = digest.new("sha256") dg:update("m") say(k:verify(sig, dg), k:verify(sig, "m", "sha256"))
		local pss = k:sign("m", "sha256", k.PADDINGS.RSA_PKCS1_PSS_PADDING) say(k:verify(pss, "m", "sha256", k.PADDINGS.RSA_PKCS1_PSS_PADDING), k:verify(pss, "m", "sha256"))
		say(k:decrypt(k:encrypt("x", pkey.PADDINGS.RSA_PKCS1_OAEP_PADDING), pkey.PADDINGS.RSA_PKCS1_OAEP_PADDING)) say(k:get_parameters().e:to_number(), k:get_key_type().sn)
		say((pkey.new("nonsense"))) local a, b = pkey.new { type = "X25519" }, pkey.new { type = "X25519" } say(a:derive(b) == b:derive(a))
		say(#rand.bytes(20)) say(hex(kdf.derive { type = kdf.PBKDF2, outlen = 20, pass = "password", salt = "salt", md = "sha1", pbkdf2_iter = 2 }))
		say(hex(kdf.derive { type = kdf.HKDF, outlen = 16, md = "sha256", hkdf_key = "secret", salt = "salt", hkdf_info = "info" }))
		local h = kdf.new("HKDF") say(hex(h:derive(16, { digest = "sha256", key = "secret", salt = "salt", info = "info", mode = kdf.HKDEF_MODE_EXTRACT_AND_EXPAND })))
		h:reset() say(hex(h:derive(16, { digest = "sha256", key = "secret", salt = "salt", info = "info", mode = "EXTRACT_AND_EXPAND" })))
		say(hex(kdf.new("PBKDF2"):derive(20, { digest = "sha1", pass = "password", salt = "salt", iter = 2, pkcs5 = 1 })), #kdf.new("SCRYPT"):derive(32, { pass = "p", salt = "s", n = 16, r = 1, p = 1 }))
		say(kdf.new("nope")) say(h:derive(16, { colour = "red" })) say(h:derive(0)) say(h:derive(16, { key = 5 }))
		say(bn.new(255):to_hex(), bn.from_binary("\1\0"):to_dec(), tostring(bn.from_hex("FF")) , bn.new(1) < bn.new(2), require("resty.openssl").pkey == pkey)`),
		`ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
nil digest.new: invalid digest type "nope"
5031fe3d989c6d1537a013fa6e739da23463fdaec3b70137d828e36ace221bd0
`+fmt.Sprintf("%x", hmacSHA1("key", "x"))+`
`+fmt.Sprintf("%x", aesCBC("kkkkkkkkkkkkkkkk", "iiiiiiiiiiiiiiii", "hello world"))+`
hello world
nil cipher:init: incorrect key size, expect 16
16 secret
nil
RSA true false false nil
true true true
EC true false false nil
true true true
Ed25519 true false false nil
true true true
true true
true false
x
65537 rsaEncryption
nil
true
20
ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957
`+hkdfHex()+`
`+hkdfHex()+`
`+hkdfHex()+`
ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957 32
nil kdf.new: invalid KDF type "nope"
nil kdf:derive: unknown parameter "colour"
nil kdf:derive: expect a length from 1 to 1048576 at #1
nil kdf:derive: expect a string for "key"
FF 256 255 true true`)
}

func hmacSHA1(key, data string) []byte {
	h := hmac.New(sha1.New, []byte(key))
	h.Write([]byte(data))
	return h.Sum(nil)
}

func aesCBC(key, iv, data string) []byte {
	pad := 16 - len(data)%16
	b := append([]byte(data), bytes.Repeat([]byte{byte(pad)}, pad)...)
	c, _ := aes.NewCipher([]byte(key))
	cbc.NewCBCEncrypter(c, []byte(iv)).CryptBlocks(b, b)
	return b
}

func hkdfHex() string {
	b, _ := hkdf.Key(sha256.New, []byte("secret"), []byte("salt"), "info", 16)
	return fmt.Sprintf("%x", b)
}

func TestRestyOpenSSLX509(t *testing.T) {
	expect(t, inAccess(t, `local x509, name, store, chain, csr, pkey, bn = require "resty.openssl.x509", require "resty.openssl.x509.name", require "resty.openssl.x509.store", require "resty.openssl.x509.chain", require "resty.openssl.x509.csr", require "resty.openssl.pkey", require "resty.openssl.bn"
		local function cert(cn, issuer, key, signer, ca)
			local c = x509.new() c:set_version(3) c:set_serial_number(bn.new(4711)) c:set_lifetime(ngx.time() - 10, ngx.time() + 3600)
			c:set_subject_name(name.new():add("C", "DE"):add("CN", cn)) c:set_issuer_name(name.new():add("C", "DE"):add("CN", issuer)) c:set_pubkey(key)
			c:set_basic_constraints({ ca = ca }) c:set_subject_alt_name({ { "DNS", cn }, { "IP", "127.0.0.1" } }) assert(c:sign(signer)) return c
		end
		local cak, k = pkey.new { type = "EC" }, pkey.new { type = "EC" }
		local ca, leaf = cert("ca.test", "ca.test", cak, cak, true), cert("leaf.test", "ca.test", k, cak, false)
		leaf = assert(x509.new(leaf:to_PEM())) say(assert(x509.new(leaf:tostring("DER"))):to_PEM() == leaf:to_PEM(), leaf == x509.new(leaf:to_PEM()))
		say(leaf:get_version(), leaf:get_serial_number():to_dec(), leaf:get_subject_name():tostring(), leaf:get_issuer_name():find("CN").blob, leaf:get_not_after() - leaf:get_not_before())
		for kind, v in leaf:get_subject_alt_name():each() do say(kind, v) end for kind, v in pairs(leaf:get_subject_alt_name()) do assert(({ DNS = "leaf.test", IP = "127.0.0.1" })[kind] == v) end say(leaf:get_basic_constraints("CA"), ca:get_basic_constraints("CA"), leaf:get_signature_name())
		say(leaf:verify(cak), leaf:verify(k), leaf:check_private_key(k), (leaf:check_private_key(cak)), leaf:get_pubkey():tostring() == k:tostring(), #leaf:digest("sha256"), leaf:check_host("leaf.test"))
		local s = store.new() say(s:verify(leaf)) s:add(ca) say(s:verify(leaf)) local ch = s:verify(leaf, chain.new(), true) say(#ch:all(), ch:index(2) == ca)
		local r = csr.new() r:set_subject_name(name.new():add("CN", "csr.test")) r:set_pubkey(k) r:set_subject_alt_name({ { "DNS", "csr.test" } }) r:sign(k) r = assert(csr.new(r:to_PEM())) say(r:get_subject_name():find("CN").blob, r:verify())
		say((x509.new("nonsense")))`), `true true
3 4711 C=DE/CN=leaf.test ca.test 3610
DNS leaf.test
IP 127.0.0.1
false true ecdsa-with-SHA256
true false true false true 32 true
nil unable to get local issuer certificate
true
2 true
csr.test true
nil`)
}

// A WebSocket echo server of the gateway's own library would need a client's
// connection (test/e2e); here a server in Go answers the client.
func TestRestyWebSocketClient(t *testing.T) {
	port := portOf(serve(t, "tcp", func(c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		_, _ = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nX-Proto: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]), req.Header.Get("Sec-WebSocket-Protocol"))
		for {
			h := make([]byte, 2)
			if _, err := io.ReadFull(r, h); err != nil {
				return
			}
			n := int(h[1] & 0x7f)
			if n == 126 {
				e := make([]byte, 2)
				_, _ = io.ReadFull(r, e)
				n = int(e[0])<<8 | int(e[1])
			}
			b := make([]byte, 4+n)
			_, _ = io.ReadFull(r, b)
			data := b[4:]
			for i := range data {
				data[i] ^= b[i%4]
			}
			out := []byte{h[0], byte(n)}
			if n > 125 {
				out = []byte{h[0], 126, byte(n >> 8), byte(n)}
			}
			if string(data) == "fragments" {
				_, _ = c.Write([]byte{1, 2, 'a', 'b', 0x80, 1, 'c'})
				continue
			}
			_, _ = c.Write(append(out, data...))
			if h[0]&15 == 8 {
				return
			}
		}
	}))
	got := inAccess(t, fmt.Sprintf(`local client = require "resty.websocket.client" local ws = client:new { timeout = 1000 }
		local ok, err, head = ws:connect("ws://127.0.0.1:%d/x", { protocols = { "a", "b" } }) say(ok, err, head:match("X%%-Proto: [^\r]+"))
		say(ws:send_text("hello")) say(ws:recv_frame()) say(ws:send_binary(("x"):rep(300))) local d, typ = ws:recv_frame() say(#d, typ) ws:send_ping("p") say(ws:recv_frame())
		ws:send_text("fragments") say(ws:recv_frame()) say(ws:recv_frame()) say(ws:send_close(1000, "bye")) say(ws:recv_frame()) say(ws:send_text("x")) say(ws:close())
		say(client:new():connect("nonsense"))`, port))
	expect(t, got, "1 nil X-Proto: a,b\n11\nhello text nil\n308\n300 binary\np ping nil\nab text again\nc continuation nil\n11\nbye close 1000\nnil already closed\n1\nnil bad websocket uri")
}
