package lua

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

var fuzzInput string

func init() {
	RegisterOp("test.input", func(c *Call) { c.Return(fuzzInput) })
}

// FuzzText gives a text to all functions written in C that read texts. None may
// fail but by an error, and what is encoded must decode to the same.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", `{"a":[1,2.5e3,true,null,"\u00e9\ud83d\ude00"]}`, "a=1&b=%20&c&=x&%zz", "(a+)+b|(?<n>\\d{2,})", "aGVsbG8=", "-_8",
		"Fri, 11 Jan 2019 03:47:51 GMT", "//a/../b/./%2e%2e/c%2F", "'\x00\n\\\"", "[[[[", `{"a":`, "1e999", "\xff\xfe", "$1${2}$$", strings.Repeat("[", 1200)} {
		f.Add(s)
	}
	s := newStage(f, Options{})
	all := s.start(s.plugin("fuzz", `local input = native.op "test.input"
local cjson, b64 = require "cjson", require "ngx.base64"
function P:access()
  local s = native.ask(input)
  local ok, v = pcall(cjson.decode, s)
  if ok then
    local fine, text = pcall(cjson.encode, v)
    if fine then
      local again = cjson.encode(cjson.decode(text))
      if #again ~= #text then error("JSON: " .. text .. " and " .. again) end
    end
  end
  assert(cjson.decode(cjson.encode({ s }))[1] == s)
  assert(ngx.decode_base64(ngx.encode_base64(s)) == s)
  assert(b64.decode_base64url(b64.encode_base64url(s)) == s)
  ngx.decode_base64(s) b64.decode_base64url(s)
  assert(ngx.unescape_uri(ngx.escape_uri(s)) == s)
  ngx.unescape_uri(s) ngx.quote_sql_str(s) ngx.parse_http_time(s) ngx.md5(s) ngx.crc32_short(s)
  local t = ngx.decode_args(s, 0)
  local round = ngx.decode_args(ngx.encode_args(t), 0)
  for k, x in pairs(t) do
    if type(x) == "string" and round[k] ~= x then error("arguments: " .. k .. " " .. tostring(round[k])) end
  end
  for _, flags in ipairs { "", "jo", "iu", "sx", "a", "d", "D" } do
    ngx.re.match("some subject 12", s, flags)
    ngx.re.match(s, "(\\w+)\\W(?<n>.)", flags)
    ngx.re.gsub("aXbX", "X", s, flags)
    ngx.re.gsub(s, "", "-", flags)
    local n = 0
    for m in (ngx.re.gmatch(s, "\\w?", flags) or function() end) do n = n + 1 if n > 100 then break end end
  end
  pcall(kong.service.request.set_path, s)
  pcall(kong.service.request.set_raw_query, s)
  pcall(kong.service.request.set_header, s, s)
  pcall(kong.service.request.set_header, "X", s)
  pcall(kong.request.get_header, s)
  pcall(kong.request.get_query_arg, s)
  pcall(ngx.req.set_uri, s)
  pcall(function() return ngx.var[s] end)
  pcall(function() return ngx.header[s] end)
  pcall(kong.request.get_path)
  pcall(kong.request.get_query)
end`))
	s.fuzzAccess(f, "GET /a/b?x=1 HTTP/1.1\nHost: h.test\n", all)
}

// TestSharedDictionaryAgainstAModel compares random calls with a table that
// knows what they should give.
func TestSharedDictionaryAgainstAModel(t *testing.T) {
	if err := luajit.DeclareShared("model", 4<<20); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, Options{})
	all := s.start(s.plugin("model", `
function P:access()
  local d, m = ngx.shared.model, {}
  local function list(k) return type(m[k]) == "table" end
  for i = 1, 20000 do
    local k, v = "k" .. math.random(50), math.random() < 0.5 and math.random(1000) or ("v"):rep(math.random(0, 300))
    local what = math.random(9)
    if what == 1 then
      assert(d:set(k, v)) m[k] = v
    elseif what == 2 then
      local ok, err = d:add(k, v)
      assert(ok == (m[k] == nil), err) if ok then m[k] = v end
    elseif what == 3 then
      local ok = d:replace(k, v)
      assert(ok == (m[k] ~= nil)) if ok then m[k] = v end
    elseif what == 4 then d:delete(k) m[k] = nil
    elseif what == 5 then
      local n, err = d:incr(k, 2, 5)
      if m[k] == nil then assert(n == 7) m[k] = 7
      elseif type(m[k]) == "number" then assert(n == m[k] + 2) m[k] = n
      else assert(n == nil and err == "not a number", err) end
    elseif what == 6 then
      local n, err = d:lpush(k, v)
      if m[k] == nil then m[k] = { v } assert(n == 1)
      elseif list(k) then table.insert(m[k], 1, v) assert(n == #m[k])
      else assert(n == nil and err == "value not a list") end
    elseif what == 7 then
      local n, err = d:rpush(k, v)
      if m[k] == nil then m[k] = { v } assert(n == 1)
      elseif list(k) then table.insert(m[k], v) assert(n == #m[k])
      else assert(n == nil and err == "value not a list") end
    elseif what == 8 then
      local x, err = d:rpop(k)
      if list(k) then assert(x == table.remove(m[k])) if #m[k] == 0 then m[k] = nil end
      else assert(x == nil) end
    else
      local x, err = d:get(k)
      if list(k) then assert(x == nil and err == "value is a list") else assert(x == m[k]) end
    end
  end
  local n = 0
  for k in pairs(m) do n = n + 1 end
  assert(#d:get_keys(0) == n)
  say("done")
end`))
	s.lines()
	k, _ := s.request()
	s.rt.Run(k, phase.Access, all)
	if got := s.lines(); !strings.Contains(got, " done,") {
		t.Error(got)
	}
	s.end(k)
}

// TestSharedDictionaryAmongVMs counts in one dictionary from several threads,
// while others make it give entries up.
func TestSharedDictionaryAmongVMs(t *testing.T) {
	for name, size := range map[string]int64{"counts": 1 << 20, "crowded": 64 << 10} {
		if err := luajit.DeclareShared(name, size); err != nil {
			t.Fatal(err)
		}
	}
	const threads, rounds = 4, 3000
	var wg sync.WaitGroup
	for range threads {
		s := newStage(t, Options{})
		all := s.start(s.plugin("crowd", fmt.Sprintf(`
function P:access()
  local d, c = ngx.shared.counts, ngx.shared.crowded
  for i = 1, %d do
    d:incr("n", 1, 0) d:lpush("l", i)
    local k = "k" .. math.random(500)
    c:set(k, ("x"):rep(math.random(0, 2000)), math.random() < 0.1 and 0.001 or 0)
    c:get("k" .. math.random(500)) c:incr("i" .. math.random(20), 1, 0) c:lpush("list" .. math.random(5), k) c:rpop("list" .. math.random(5))
    c:delete("k" .. math.random(500)) c:ttl(k) c:expire(k, 1)
    if i %% 500 == 0 then c:get_keys(0) c:flush_expired() c:free_space() end
    if i %% 1000 == 0 then c:flush_all() end
  end
end`, rounds)))
		k, _ := s.request()
		wg.Go(func() { s.rt.Run(k, phase.Access, all) })
		t.Cleanup(func() { s.end(k) })
	}
	wg.Wait()
	s := newStage(t, Options{})
	all := s.start(s.plugin("sum", `function P:access() say(ngx.shared.counts:get("n"), ngx.shared.counts:llen("l")) end`))
	s.lines()
	k, _ := s.request()
	s.rt.Run(k, phase.Access, all)
	expect(t, s.lines(), fmt.Sprintf("notice *7 %d %d, server: kong", threads*rounds, threads*rounds))
	s.end(k)
}

// fuzzAccess runs access of all for the request head, with each text as what test.input gives.
func (s *stage) fuzzAccess(f *testing.F, head string, all []*plugin.Bound) {
	s.lines()
	e := pdktest.New(f, head)
	k := e.Kong
	k.Gateway, k.Worker = s.gw, s.w
	used, request, response := k.X.Used, k.X.Request, k.X.Response
	f.Fuzz(func(t *testing.T, text string) {
		k.X.Used, k.X.Request, k.X.Response = used, request, response
		k.Phase, fuzzInput = phase.Access, text
		if s.rt.Run(k, phase.Access, all) != plugin.Continue {
			t.Fatal(s.lines())
		}
	})
}
