package lua

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/plugin"
)

// thirdParty are modules that public plugins require, the most used first, each
// with the functions that they call (facts/internals.tsv). A body returns what
// is compared, each through tostring.
var thirdParty = []struct{ module, body, want string }{
	{"kong.db.schema.typedefs", `local out = {} for _, n in ipairs { "no_consumer", "protocols_http", "url", "host", "uuid", "port", "header_name", "auto_timestamp_s",
		"protocols", "sni", "path", "tags", "no_route", "no_service", "router_paths", "queue", "certificate", "key", "timeout" } do out[#out + 1] = type(m[n].type) end
		return table.concat(out, " "), m.url { required = true }.required`, strings.Repeat("string ", 18) + "string true"},
	{"cjson", `return m.encode({ a = 1 }), m.decode('[1,null]')[2] == m.null, m.new().encode("x"), type(require("cjson.safe").encode), m.null == ngx.null`, `{"a":1} true "x" function true`},
	{"cjson.safe", `return m.decode("{"), (select(2, m.decode("{")) or "") ~= "", m.encode(m.array_mt and setmetatable({}, m.array_mt)), m.new().decode("[]") ~= nil,
		m.decode_array_with_array_mt(true) == true or true`, "nil true [] true true"},
	{"kong.plugins.base_plugin", `local h = m:extend() h.PRIORITY = 1 function h:new() h.super.new(self, "x") end function h:access() h.super.access(self) return "ran" end
		local o = h() return o:access(), o._name, type(o.header_filter)`, "ran x function"},
	{"resty.http", `local c = m.new() c:set_timeout(1000) c:set_timeouts(1000, 1000, 1000) local res, err = c:request_uri("http://127.0.0.1:PORT/a?b=1", { method = "POST", body = "x" })
		local p = c:parse_uri("https://h/p?q") local d = m.new() assert(d:connect("127.0.0.1", PORT)) local r = assert(d:request { path = "/z", headers = { Host = "h" } })
		return res and res.status, res and res.body or err, p[3], r:read_body(), d:set_keepalive(1000, 2), type(d.connect_better or d.connect), type(d.ssl_handshake)`,
		"200 POST /a?b=1 x 443 GET /z  1 function function"},
	{"kong.constants", `local h = m.HEADERS return h.CONSUMER_ID, h.CONSUMER_CUSTOM_ID, h.CONSUMER_USERNAME, h.ANONYMOUS, h.CREDENTIAL_IDENTIFIER, h.CREDENTIAL_USERNAME, h.VIA, type(m.CLUSTERING_SYNC_STATUS)`,
		"X-Consumer-ID X-Consumer-Custom-ID X-Consumer-Username X-Anonymous-Consumer X-Credential-Identifier X-Credential-Username Via table"},
	{"kong.tools.utils", `local t = m.split("a,b", ",") return #t, #m.uuid(), m.is_valid_uuid(m.uuid()), m.table_merge({ a = 1 }, { b = 2 }).b, #m.get_rand_bytes(8), m.inflate_gzip(m.deflate_gzip("x")),
		m.is_array({ 1 }), m.encode_args({ a = 1, b = { "x", "y" } }), m.table_contains({ 1, 2 }, 2), #m.random_string(), m.sha256_hex("a"):sub(1, 8), m.deep_copy({ { 1 } })[1][1]`,
		"2 36 true 2 8 x true a=1&b=x&b=y true 32 ca978112 1"},
	{"socket.url", `local u = m.parse("https://user:pw@h:8443/p/q?x=1#f") return u.scheme, u.host, u.port, u.path, u.query, u.user, u.fragment, m.build(u), m.escape("a b"), m.absolute("http://h/a/b", "c")`,
		"https h 8443 /p/q x=1 user f https://user:pw@h:8443/p/q?x=1#f a%20b http://h/a/c"},
	{"kong.meta", `return m.version, m._VERSION, m._NAME, type(m._SERVER_TOKENS)`, "3.9.3 3.9.3 kong string"},
	{"resty.sha256", `local s = m:new() s:update("abc") return require("resty.string").to_hex(s:final()):sub(1, 16)`, "ba7816bf8f01cfea"},
	{"kong.plugins.jwt.jwt_parser", `local t = m.encode({ sub = "a", exp = ngx.time() + 60, nbf = 1 }, "secret") local j = assert(m:new(t))
		return j.claims.sub, j.header.alg, j:verify_signature("secret"), j:verify_signature("x"), j:verify_registered_claims { "exp", "nbf" }, j:check_maximum_expiration(100),
		j:check_maximum_expiration(10), select(2, m:new("x")), j:base64_decode("YQ")`,
		"a HS256 true false true true false invalid JSON a"},
	{"resty.string", `return m.to_hex("\1\255"), m.atoi("12")`, "01ff 12"},
	{"kong.singletons", `return m.cache == kong.cache, m.dao == kong.db, type(m.configuration)`, "true true table"},
	{"pl.stringx", `return table.concat(m.split("a b"), "-"), m.strip("  x "), m.endswith("abc", "c"), m.replace("aXb", "X", "-")`, "a-b x true a-b"},
	{"kong.tools.queue", `local got = {} local p = { name = "q", log_tag = "t", max_batch_size = 3, max_coalescing_delay = 0.05, max_entries = 100, initial_retry_delay = 0.01, max_retry_time = 1, max_retry_delay = 1 }
		local fails = 1 for i = 1, 4 do m.enqueue(p, function(conf, list) if fails > 0 then fails = fails - 1 return nil, "down" end got[#got + 1] = conf .. #list return true end, "c", "e" .. i) end
		ngx.sleep(0.3) local params = m.get_plugin_params("http-log", { queue = { max_batch_size = 9 }, __key__ = "k" })
		return table.concat(got, " "), params.max_batch_size, params.name`, "c3 c1 9 id-1"},
	{"socket", `local s = assert(m.tcp()) s:settimeout(1) assert(s:connect("127.0.0.1", PORT)) s:send("GET /s HTTP/1.0\r\n\r\n") local l = s:receive("*l") s:close()
		return m.gettime() > 1e9, l, type(m.sleep), m.try("ok"), m.protect(function() m.try(nil, "bad") end)()`, "true HTTP/1.0 200 OK function ok nil bad"},
	{"socket.http", `m.TIMEOUT = 2 local body, code, headers, status = m.request("http://127.0.0.1:PORT/h") local ltn12 = require "ltn12" local t = {}
		local ok, c = m.request { url = "http://127.0.0.1:PORT/p", method = "POST", source = ltn12.source.string("data"), headers = { ["content-length"] = 4 }, sink = ltn12.sink.table(t) }
		return body, code, headers["content-type"], status, ok, c, table.concat(t)`, "GET /h  200 text/plain; charset=utf-8 HTTP/1.1 200 OK 1 200 POST /p data"},
	{"ssl.https", `local t = {} local ok, code, headers = m.request { url = "https://127.0.0.1:TLS/s", sink = require("ltn12").sink.table(t), verify = "none" }
		local refused, err = m.request { url = "https://127.0.0.1:TLS/s", verify = "peer", sink = require("ltn12").sink.null() }
		return ok, code, table.concat(t), refused, (m.request("https://127.0.0.1:TLS/again"))`, "1 200 GET /s  nil GET /again "},
	{"ffi", `m.cdef "int abs(int);" local b = m.new("int[2]", { 1, 2 }) return m.C.abs(-3), m.string("ab", 2), type(m.errno()), m.istype("int[2]", b), tonumber(m.cast("int64_t", 5)), m.gc(b, nil) == b`, "3 ab number true 5 true"},
	{"kong.db.schema", `local typedefs = require "kong.db.schema.typedefs"
		local s = m.new { name = "x", fields = { { a = { type = "string", required = true } }, { url = typedefs.url }, { n = { type = "number", default = 3 } },
			{ c = { type = "string", custom_validator = function(v) return v == "ok" or nil, "not ok" end } } } }
		local _, e1 = s:validate { url = "x" } local _, e2, text = s:validate { a = "1", c = "no" } local names = {} for n in s:each_field() do names[#names + 1] = n end
		return m.define({ type = "string" }) { required = true }.required, s:validate { a = "1", c = "ok" }, e1.a, e1.url, e2.c, text, s:process_auto_fields({ a = "1" }).n, table.concat(names)`,
		"true true required field missing missing host in url not ok schema violation (c: not ok) 3 aurlnc"},
	{"ltn12", `local sink, t = m.sink.table() m.pump.all(m.source.string("abc"), sink) return table.concat(t)`, "abc"},
	{"mime", `return (m.b64("abc")), (m.unb64("YWJj"))`, "YWJj abc"},
	{"lfs", `return m.attributes("/tmp", "mode"), type(m.dir), type(m.mkdir)`, "directory function function"},
	{"ngx.base64", `return m.encode_base64url("a?>"), m.decode_base64url("YT8-")`, "YT8- a?>"},
	{"resty.lrucache", `local c = m.new(2) c:set("a", 1) c:set("b", 2) c:set("c", 3) local a = c:get("a") c:flush_all() return a, c:get("b")`, "nil nil"},
	{"kong.tools.responses", `return type(m.send_HTTP_INTERNAL_SERVER_ERROR), type(m.send_HTTP_FORBIDDEN), type(m.send_HTTP_UNAUTHORIZED), type(m.send), type(m.send_HTTP_BAD_REQUEST)`,
		"function function function function function"},
	{"kong.reports", `return type(m.retrieve_redis_version)`, "function"},
	{"kong.tools.grpc", `local f = m.frame(0, "abc") local msg, rest = m.unframe(f .. "x") return #f, msg, rest, m.unframe("a")`, "8 abc x nil a"},
	{"kong.tools.gzip", `return m.inflate_gzip(m.deflate_gzip("abc"))`, "abc"},
	{"kong.tools.string", `local t, n = m.splitn("a,b,c", ",", 2) return t[2], n, m.strip(" a ")`, "b,c 2 a"},
	{"luatz", `local t = m.parse.rfc_3339("2020-01-02T03:04:05Z") return t:timestamp(), m.timetable.new_from_timestamp(0):rfc_3339()`, "1577934245 1970-01-01T00:00:00.000"},
	{"multipart", `local b = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X--\r\n" local p = m(b, "multipart/form-data; boundary=X") p:set_simple("b", "2")
		local q = m(p:tostring(), "multipart/form-data; boundary=X") return p:get("a").value, q:get("b").value, q:get_all().a`, "1 2 1"},
	{"ngx.errlog", `return type(m.raw_log), type(m.get_logs), type(m.set_filter_level)`, "function function function"},
	{"pl.file", `return m.read("/proc/self/comm") ~= nil`, "true"},
	{"pl.tablex", `return m.readonly({ a = 1 }).a, m.deepcompare({ 1 }, { 1 }), #m.keys { a = 1 }`, "1 true 1"},
	{"pl.template", `return (m.substitute("$(x)", { x = 1 }))`, "1"},
	{"inspect", `return m { 1, a = 2 }`, "{ 1,\n  a = 2\n}"},
	{"kong.dao.errors", `return tostring(m.schema("bad")), m.schema("bad").schema`, "bad true"},
	{"kong.plugins.log-serializers.basic", `return type(m.serialize)`, "function"},
	{"kong.plugins.acl.groups", `return m.get_consumer_groups(nil), m.consumer_in_groups({ "a" }, { a = "a" }), m.group_in_groups({ "a" }, "b")`, "nil true false"},
	{"kong.tools.mime_type", `local a, b, p = m.parse_mime_type("text/plain; charset=utf-8") return a, b, p.charset`, "text plain utf-8"},
	{"kong.tools.public", `return type(m.req_body_errors), type(m.get_body_info)`, "table function"},
	{"kong.tools.timestamp", `return m.get_timestamps(1577934245123).minute`, "1577934240000"},
	{"lpeg", `return m.match(m.C(m.R("az") ^ 1), "abc1")`, "abc"},
	{"lua_system_constants", `return m.O_WRONLY(), m.O_APPEND(), m.O_CREAT(), m.S_IRUSR()`, "1 1024 64 256"},
	{"lxp.lom", `return m.parse("<a><b>x</b></a>")[1][1]`, "x"},
	{"lyaml", `return m.load("a: [1, 2]").a[2], (m.dump { { b = 1 } }:gsub("\n", "|"))`, "2 ---|b: 1|...|"},
	{"mathx", `local x, e = m.frexp(8) return x, e, m.ldexp(0.5, 4), m.trunc(1.7)`, "0.5 4 8 1"},
	{"resty.counter", `local c = m.new("kong") c:incr("tp", 2) c:incr("tp") return c:get("tp")`, "3"},
	{"resty.jit-uuid", `return m.generate_v5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.org"), m.is_valid(m()), #m.generate_v4()`, "74738ff5-5367-5958-9aee-98fffdcd1876 true 36"},
	{"resty.lock", `local a, b = m:new("kong", { timeout = 0.05, exptime = 1 }), m:new("kong", { timeout = 0.05 }) return a:lock("k"), b:lock("k"), a:unlock(), b:lock("k")`, "0 nil 1 0"},
	{"resty.mlcache", `local n = 0 local c = m.new("x", "kong", { ttl = 10, ipc_shm = "kong_locks" }) local function cb(a) n = n + 1 return { v = a } end
		local ts = {} for i = 1, 3 do ts[i] = ngx.thread.spawn(function() return c:get("k", nil, function(a) ngx.sleep(0.01) return cb(a) end, 5).v end) end for i = 1, 3 do ngx.thread.wait(ts[i]) end
		local v, err, level = c:get("k", nil, cb, 6) c:delete("k") local w, e2, l2 = c:get("k", nil, cb, 7) return n, v.v, level, w.v, l2, c:peek("k") > 0`, "2 5 1 7 3 true"},
	{"resty.ipmatcher", `local x = m.new { "10.0.0.0/8", "::1", "192.168.1.1" } return x:match("10.1.2.3"), x:match("11.0.0.1"), x:match("::1"), x:match("192.168.1.1"), (x:match("y"))`, "true false true true nil"},
	{"string.buffer", `local b = m.new() b:put("a", 1) return b:tostring()`, "a1"},
	{"table.new", `return type(m(1, 1))`, "table"},
	{"table.nkeys", `return m { a = 1, 2 }`, "2"},
	{"zlib", `local d = m.deflate()("abc", "finish") return (m.inflate()(d))`, "abc"},
	{"date", `local d = m("2020-01-31T10:20:30Z") return d:fmt("%Y-%m-%d %H:%M:%S"), d:copy():addmonths(1):fmt("${iso}"), m.diff(m("2020-01-02"), m("2020-01-01")):spanhours(), m(0):fmt("${http}"), m(true) > d`,
		"2020-01-31 10:20:30 2020-03-02T10:20:30 24 Thu, 01 Jan 1970 00:00:00 GMT true"},
	{"version", `return m("1.2.3") < m("1.10"), m.set("1.0", "2.0"):matches("1.5"), m.version("1.2"):semver("1.9")`, "true true true"},
	{"lua_pack", `local s = m.pack(">Hb", 258, 3) local at, a, b = m.unpack(s, ">Hb") return #s, at, a, b`, "3 4 258 3"},
	{"basexx", `return m.to_base32("foobar"), m.from_base32("MZXW6YTBOI======"), m.to_url64("a?>"), m.from_hex("6162")`, "MZXW6YTBOI====== foobar YT8- ab"},
	{"resty.hmac", `return m:new("k", m.ALGOS.SHA256):final("d", true):sub(1, 8)`, "e7ea21c3"},
	{"resty.core", `return m.version ~= nil, require("resty.core.base").get_request() ~= nil`, "true true"},
	{"resty.core.ctx", `local before = ngx.ctx for _, part in ipairs { "var", "request", "response", "shdict", "time", "exit", "phase" } do require("resty.core." .. part) end
		return m == require "resty.core", ngx.ctx == before, type(ngx.var.host), type(ngx.shared.kong), type(ngx.now()), ngx.get_phase()`, "true true string table number access"},
	{"kong.tools.sandbox", `local ok, err = pcall(m.sandbox, "return )", { chunk_name = "mine" }) return m.sandbox("return more .. type(kong.request)", { env = { more = "x", kong = kong } })(), ok, err:match("^%[string \"mine\"%]"),
		m.validate("return 1", { env = {} }), m.sandbox("return more")(), m.sandbox("return 1", "=named")()`, `xtable false [string "mine"] true nil 1`},
	{"resty.random", `return #m.bytes(8)`, "8"},
	{"resty.aes", `local c = m:new("key") local g = m:new("k", nil, m.cipher(256, "gcm"), m.hash.sha256, 2) local e = g:encrypt("x") local p = m:new(("k"):rep(16), nil, m.cipher(128, "cbc"), { iv = ("i"):rep(16) })
		return c:decrypt(c:encrypt("text")), g:decrypt(e[1], e[2]), g:decrypt(e[1], ("0"):rep(16)) == nil, require("resty.string").to_hex(p:encrypt("a")), m:new("k", "salt")`, "text x true f7cd8241460ad2dd9f6463fc7c31c433 nil salt must be 8 characters or nil"},
	{"resty.openssl.pkey", `local k = m.new { type = "RSA", bits = 2048 } local s = k:sign("data", "sha256") local pub = m.new(k:to_PEM("public")) return pub:verify(s, "data", "sha256"), pub:verify(s, "x", "sha256"),
		k:tostring("private", "PEM"):sub(1, 27), type(m.PADDINGS), k:is_private()`, "true false -----BEGIN PRIVATE KEY----- table true"},
	{"gibbon.general_names", `local function tlv(tag, v) return string.char(tag, #v) .. v end
		local l = m.parse(tlv(0x30, tlv(0x82, "a.test, DNS:evil.test") .. tlv(0x86, "spiffe://x/y") .. tlv(0x81, "j@x") .. tlv(0x87, "\127\0\0\1") .. tlv(0x87, ("\0"):rep(15) .. "\1") .. tlv(0xa0, "x") .. tlv(0x87, "abc")))
		local out = {} for i, e in ipairs(l) do out[i] = e[1] .. "=" .. e[2] end local bad = {} for i, d in ipairs { "", "\48", "\48\3\130\5a", "\49\0", "\48\0x", "\48\132\1\1\1\1", "\48\129" } do bad[i] = tostring(m.parse(d)) end
		return table.concat(out, "|"), table.concat(bad, " "), #m.parse("\48\0")`, "DNS=a.test, DNS:evil.test|URI=spiffe://x/y|email=j@x|IP=127.0.0.1|IP=0:0:0:0:0:0:0:1|othername=<unsupported>|IP=<invalid> nil nil nil nil nil nil nil 0"},
	{"gibbon.jwk", `local json, pkey = require "cjson", require "resty.openssl.pkey" local same = {} for i, how in ipairs { { type = "RSA", bits = 2048 }, { type = "EC", curve = "secp384r1" }, { type = "Ed25519" } } do local k = pkey.new(how)
		local a, b = json.decode(k:tostring("private", "JWK")), json.decode(k:tostring("PublicKey", "JWK")) same[i] = tostring(a.kid == b.kid and #a.kid == 43 and b.d == nil) end
		return table.concat(same, " "), m.thumbprint { kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }`, "true true true kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}, // RFC 8037, appendix A.3
	{"resty.openssl.digest", `local d = m.new("sha256") d:update("a", "b") return require("resty.string").to_hex(d:final()):sub(1, 8), require("resty.string").to_hex(m.new("sha1"):final("ab")):sub(1, 8)`, "fb8e20fc da23614e"},
	{"resty.openssl.hmac", `local h = m.new("k", "sha256") h:update("d") return require("resty.string").to_hex(h:final()):sub(1, 8)`, "e7ea21c3"},
	{"resty.openssl.mac", `return require("resty.string").to_hex(m.new("k", "HMAC", nil, "sha256"):final("d")):sub(1, 8)`, "e7ea21c3"},
	{"resty.openssl.x509", `return type(m.new)`, "function"},
	{"resty.redis", `local r = m:new() r:set_timeout(100) return type(r.connect), type(r.auth), type(r.evalsha), type(r.commit_pipeline), type(r.script), type(r.setex), type(m.add_commands)`,
		"function function function function function function function"},
	{"kong.tools.cjson", `return m.encode(m.decode_with_array_mt('{"a":[]}')), m.encode(m.decode("[]"))`, `{"a":[]} []`},
	{"classic", `local A = m:extend() function A:new(x) self.x = x end local B = A:extend() return B(3).x, B(1):is(A)`, "3 true"},
	{"base64", `return m.decode(m.encode("a"))`, "a"},
	{"binaryheap", `local h = m.minUnique() h:insert(1, "a") return h:peek()`, "a 1"},
	{"MessagePack", `return m.unpack(m.pack { 1, 2 })[2]`, "2"},
	{"kong.pdk", `return m == kong`, "true"},
}

func TestThirdPartyModules(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 64)
		n, _ := r.Body.Read(b)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, b[:n])
	})
	server, secure := httptest.NewServer(answer), httptest.NewTLSServer(answer)
	defer server.Close()
	defer secure.Close()
	ports := strings.NewReplacer("PORT", server.URL[strings.LastIndex(server.URL, ":")+1:], "TLS/", secure.URL[strings.LastIndex(secure.URL, ":")+1:]+"/")
	var body strings.Builder
	body.WriteString("local cases = {}\n")
	all := append(slices.Clone(thirdParty), shipped...)
	for _, c := range all {
		fmt.Fprintf(&body, "cases[#cases + 1] = { %q, function() local m = require %q %s\n end }\n", c.module, c.module, ports.Replace(c.body))
	}
	body.WriteString(`
		local function text(...)
			local out = {}
			for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))):gsub("^table: .*", "table:"):gsub("\n", "~") end
			return table.concat(out, " ")
		end
		function P:access() for _, c in ipairs(cases) do ngx.log(ngx.WARN, "{{" .. c[1] .. "|" .. text(select(2, xpcall(c[2], debug.traceback))) .. "\1") end end`)
	s := live(t, Options{}, body.String())
	got, out := s.run()
	if out != plugin.Continue {
		t.Fatalf("outcome %d: %s", out, got)
	}
	for _, c := range all {
		_, after, found := strings.Cut(got, "{{"+c.module+"|")
		have, _, _ := strings.Cut(after, "\x01")
		if want := strings.ReplaceAll(c.want, "\n", "~"); !found || have != want {
			t.Errorf("%s:\n got  %s\n want %s", c.module, strings.ReplaceAll(have, "~", "\n      "), c.want)
		}
	}
}
