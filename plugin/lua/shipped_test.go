package lua

// shipped are modules of ours that plugins require less often, and that Kong, OpenResty or their packages bring: each used as plugins do.
// The rows are read as those of thirdParty.
var shipped = []struct{ module, body, want string }{
	{"resty.easy-crypto", `local e = m:new({ saltSize = 12, ivSize = 16, iterationCount = 1000 }) local s = e:encrypt("pw", "text") local other = m:new { iterationCount = 1000 }
		return e:decrypt("pw", s), (e:decrypt("no", s)), e:decrypt("pw", "!"), (e:decrypt("pw", s:sub(1, -6) .. "AAAA=")), s ~= e:encrypt("pw", "text"), other:decrypt("p", other:encrypt("p", ""))`,
		"text nil nil nil true "},
	{"xml2lua", `local handler = require("xmlhandler.tree"):new() m.parser(handler):parse('<?xml version="1.0"?><!DOCTYPE a [<!ELEMENT a (b)>]><a id="1&amp;2"><!-- c --><b>x &lt; y</b><b k="v">z</b><c/><d><![CDATA[<raw>]]></d><e f=">"/></a>')
		local a = handler.root.a return a._attr.id, a.b[1], a.b[2]._attr.k, a.b[2][1], #a.b, type(a.c), a.d, a.e._attr.f, (m.toXml({ item = { 1, "<" }, _attr = { q = 'a"' }, n = { deep = true } }, "list"):gsub("\n", "|"))`,
		`1&2 x < y v z 2 table <raw> > <list q="a&quot;">|  <item>1</item>|  <item>&lt;</item>|  <n>|    <deep>true</deep>|  </n>|</list>|`},
	{"xmlhandler.tree", `local h = m:new() h.options.noreduce = { one = true } local x = require("xml2lua").parser(h) x:parse("<r><one>1</one></r>") local out = { h.root.r.one[1] }
		for _, s in ipairs { "<a>", "<a></b>", "<a b='1></a>", "<a", "<!-- x", "<![CDATA[x", "<a x></a>", ("<a>"):rep(1001) } do out[#out + 1] = tostring(pcall(x.parse, x, s)) end
		local d = require("xmlhandler.dom"):new() require("xml2lua").parser(d):parse("<a k='v'>t<b/></a>") local a = d.root._children[1] return table.concat(out, " "), a._name, a._attr.k, a._children[1]._text, a._children[2]._parent == a`,
		"1 false false false false false false false false a v t true"},
	{"bgcrypto.sha1", `local h = m.new() h:update("a"):update("b") return require("resty.string").to_hex(m.digest("ab")):sub(1, 8), m.digest("ab", true):sub(1, 8), h:digest(true):sub(1, 8)`, "da23614e da23614e da23614e"},
	{"tablepool", `local t = m.fetch("x", 1, 1) t.a = 1 m.release("x", t) local u = m.fetch("x", 1, 1) return t == u, next(u), pcall(m.release, "x")`, "true nil false object empty"},
	{"resty.signal", `return m.signum("TERM"), m.signum("KILL"), m.signum(3), m.signum("NOPE"), (m.kill(1, "TERM"))`, "15 9 3 nil nil"},
	{"resty.iputils", `local c = m.parse_cidrs { "10.0.0.0/8", "192.168.1.7", "bad" } return m.ip_in_cidrs("10.2.3.4", c), m.ip_in_cidrs("192.168.1.8", c), m.ip_in_cidrs("192.168.1.7", c), m.binip_in_cidrs("\10\0\0\1", c), (m.ip2bin("1.2.3.4")), m.ip_in_cidrs("x", c)`,
		"true false true true 16909060 nil Invalid IP"},
	{"resty.limit.count", `local l = m.new("kong", 2, 10) local d = ngx.shared.kong d:delete("lc") local out = {} for i = 1, 3 do local a, b = l:incoming("lc", true) out[i] = tostring(a) .. ":" .. tostring(b) end
		local peek = l:incoming("lc2", false) return table.concat(out, " "), peek, l:uncommit("lc"), m.new("no-such-dictionary-", 1, 1)`, "0:1 0:0 nil:rejected 0 0 nil shared dict not found"},
	{"resty.limit.req", `local l = m.new("kong", 100, 2) ngx.shared.kong:delete("lr") local out = {} for i = 1, 5 do local a, b = l:incoming("lr", true) out[i] = tostring(a and a > 0) .. ":" .. tostring(a and b > 0 or b) end
		return table.concat(out, " "), l:uncommit("lr"), l:uncommit("none")`, "false:0 true:true true:true nil:rejected nil:rejected true nil not found"},
	{"resty.limit.conn", `local l = m.new("kong", 1, 1, 0.5) ngx.shared.kong:delete("lx") local a, n = l:incoming("lx", true) local b = l:incoming("lx", true) local c, why = l:incoming("lx", true) return a, n, b, c, why, l:is_committed(), l:leaving("lx", 0.1), l:leaving("lx")`, "0 1 0.5 nil rejected false 1 0"},
	{"resty.limit.traffic", `local count, req = require "resty.limit.count", require "resty.limit.req" ngx.shared.kong:delete("t1") ngx.shared.kong:delete("t2") local a, b = count.new("kong", 2, 10), req.new("kong", 1000, 1000) local states, out = {}, {}
		for i = 1, 3 do out[i] = tostring((m.combine({ a, b }, { "t1", "t2" }, states)) ~= nil) end return table.concat(out, " "), states[1], select(2, m.combine({ a, b }, { "t1", "t2" }))`, "true true false 0 rejected"},
	{"resty.redis.connector", `local p = { url = "redis://user:pa:ss@h.test:7000/3", connection_options = {} } local ok = m.parse_dsn(p) local q = { url = "sentinel://secret@mine:s/2" } m.parse_dsn(q)
		return ok, p.host, p.port, p.db, p.username, p.password, q.master_name, q.role, q.db, q.password, m.new { nope = 1 }, select(2, m.parse_dsn { url = "http://x" }), (m.new { port = 1 }:connect())`,
		"true h.test 7000 3 user pa:ss mine slave 2 secret nil could not parse DSN: http: nil"},
	{"kong.runloop.balancer", `return type(m.get_upstream_health), m.get_upstream_health("6ba7b810-9dad-11d1-80b4-00c04fd430c8")`, "function nil Upstream 6ba7b810-9dad-11d1-80b4-00c04fd430c8 not found"},
	{"kong.runloop.balancer.upstreams", `return type(m.get_all_upstreams), m.get_upstream_by_name("none")`, "function false"},
	{"kong.tools.redis.schema", `local f = m.config_schema.fields return m.config_schema.type, #f, f[2].port.default, f[5].password.encrypted`, "record 9 6379 true"},
	{"kong.tools.queue_schema", `return m.type`, "record"},
	{"kong.tools.yield", `m.yield() m.yield(true) return true`, "true"},
	{"kong.tools.dns", `return m({}) == require "resty.dns.client"`, "true"},
	{"kong.tools.request_aware_table", `local t = m.new() t.a = 1 local v = t.a t:clear() return v, t.a, m.new({ x = 2 }).x`, "1 nil 2"},
	{"kong.concurrency", `local order = {} local function add(v) order[#order + 1] = v end local function work(n) return function(e) add(n .. "+") ngx.sleep(0.01) add(n .. "-") return n end end
		local list = {} for i = 1, 2 do list[i] = ngx.thread.spawn(m.with_coroutine_mutex, { name = "c", timeout = 1 }, work(i)) end local out = {} for i = 1, 2 do out[i] = select(2, ngx.thread.wait(list[i])) end
		local held = ngx.thread.spawn(m.with_coroutine_mutex, { name = "h" }, function() ngx.sleep(0.05) end) local w, err = m.with_coroutine_mutex({ name = "h", timeout = 0.01 }, add) local w2 = m.with_coroutine_mutex({ name = "h", timeout = 0.01, on_timeout = "return_true" }, add) ngx.thread.wait(held)
		local worker = ngx.thread.spawn(m.with_worker_mutex, { name = "w", timeout = 1 }, function(t) ngx.sleep(0.02) return t end) local lost = { m.with_worker_mutex({ name = "w", timeout = 0.001 }, add) }
		return table.concat(order, ""), out[1] + out[2], w, err, w2, select(2, ngx.thread.wait(worker)), lost[2], (m.with_coroutine_mutex({ name = "e" }, error)), pcall(m.with_worker_mutex, {}, add)`,
		"1+1-2+2- 3 nil timeout acquiring coroutine lock true 0 timeout nil false opts.name is required and must be a string"},
	{"kong.observability.tracing.request_id", `return m.get() == ngx.var.request_id, require("kong.tracing.request_id") == m`, "true true"},
	{"kong.plugins.jwt.asn_sequence", `local key = require("resty.openssl.pkey").new { type = "EC", curve = "prime256v1" } local der = key:sign("data", "sha256") local seq = m.parse_simple_sequence(der)
		local r, s = m.unsign_integer(seq[1], 32), m.unsign_integer(seq[2], 32) local again = m.create_simple_sequence { m.resign_integer(r), m.resign_integer(s) } local long = m.create_simple_sequence { ("x"):rep(300) }
		local out = {} for _, bad in ipairs { "", "\48", "\48\3\2\1", "\48\3\4\1a", "\48\3\2\1ab", "\48\132\1\1\1\1" } do out[#out + 1] = tostring((pcall(m.parse_simple_sequence, bad))) end
		return #r, #s, again == der, key:verify(again, "data", "sha256"), #m.parse_simple_sequence(long)[1], table.concat(out, " "), (m.unsign_integer("\1", 2)):byte(1, 2), (m.resign_integer("\0\128")):byte(1, 2)`,
		"32 32 true true 300 false false false false false false 0 0 128"},
	{"kong.cluster_events", `return m.new() == kong.cluster_events`, "true"},
	{"kong.worker_events", `return type(m.register), m.new() == kong.worker_events`, "function true"},
	{"resty.worker.events", `local got m.register(function(d, e, s) got = s .. e .. d end, "rwe", "x") local e = m.event_list("s", "a", "b") m.post_local("rwe", "x", "!") ngx.sleep(0.02) return got, e.a, (pcall(function() return e.c end))`, "rwex! a false"},
	{"resty.events", `local e = m.new { listening = "unix:/x" } local other = m.new { listening = "unix:/y" } local got = {} local function note(d, ev, s, w) got[#got + 1] = s .. ev .. tostring(d) .. tostring(w) end
		assert(e:init_worker()) local id = e:subscribe("*", "*", note) e:subscribe("s", "*", note) e:subscribe("s", "x", note) e:subscribe("t", "x", note) other:subscribe("*", "*", note)
		e:publish("current", "s", "x", 1) ngx.sleep(0.02) e:unsubscribe(id) e:publish("all", "s", "y", "d") ngx.sleep(0.02) local key = "k" .. ngx.now() for i = 1, 3 do e:publish(key, "s", "z", i) end ngx.sleep(0.02)
		return table.concat(got, " "), select(2, e:publish("", "s", "e")), (e:publish("all", "s", "e", print)), (pcall(e.run, e)), m.new({}), (pcall(e.subscribe, e, "s", "e", 1))`,
		"sx1nil sx1nil sx1nil syd0 sz10 target is required nil false nil false"},
	{"resty.kong.tls", `local store = require("resty.openssl.x509.store").new() return m.set_upstream_ssl_verify(true), m.set_upstream_ssl_verify_depth(2), m.set_upstream_ssl_trusted_store(store.ctx), m.set_upstream_ssl_trusted_store(store),
		(m.set_upstream_ssl_trusted_store(5)), (m.set_upstream_ssl_verify("x")), (m.set_upstream_cert_and_key(1, 2)), m.get_full_client_certificate_chain(), (pcall(m.disable_session_reuse)), (m.disable_proxy_ssl())`,
		"true true true true nil nil nil nil false nil"},
	{"resty.kong.grpc", `return m.set_authority("a.test"), (pcall(m.set_authority))`, "true false"},
	{"resty.kong.var", `return m.patch_metatable()`, ""},
	{"resty.timerng", `local t, u = m.new { min_threads = 2 }, m.new() t:start() local n = {} local function count(premature, k) n[k] = (n[k] or 0) + 1 end local name = t:named_at("a", 0.01, count, "a") t:every(0.01, count, "e") u:named_every("a", 0.01, count, "u")
		local again, why = t:named_at("a", 1, count) t:freeze() t:at(0.01, count, "late") ngx.sleep(0.03) local frozen = (n.a or 0) + (n.e or 0) t:start() ngx.sleep(0.05) u:pause("a") local at = n.u ngx.sleep(0.03) local s = u:stats { verbose = true }
		local same = n.u == at u:resume("a") ngx.sleep(0.03) local more = n.u > at t:destroy() u:destroy() local e = n.e ngx.sleep(0.03) return name, again, why, frozen, n.a, n.late, e > 1, e == n.e, same, more, s.sys.waiting, s.timers.a.stats.runs == at, t:is_managed("a"), t:cancel("a")`,
		"a nil already exists timer 0 1 1 true true true true 1 true false false timer not found"},
	{"kong.global", `return m.phases.access, m.get_phase(), m.new() == kong`, "32 32 true"},
	{"kong.cmd.utils.log", `m.disable() m.info("not %s", "shown") m.enable() return type(m.verbose), type(m.error)`, "function function"},
	{"kong.conf_loader", `return m() == kong.configuration, m.load() == kong.configuration`, "true true"},
	{"kong.workspaces", `return m.get_workspace_id() == kong.default_workspace, m.get_workspace().name`, "true default"},
	{"kong.hooks", `m.register_hook("h", function(a) return a + 1 end) m.register_hook("h", function(ok, a) return ok and a * 2 end, { low_level = true }) local v = m.run_hook("h", 1) m.clear_hooks() return v, m.run_hook("h", 5)`, "4 5"},
	{"kong.plugins.rate-limiting.expiration", `return m.minute, m.year`, "60 31536000"},
	{"kong.db.migrations.operations.200_to_210", `local o = m.ws_migrate_plugin({ { name = "x", primary_key = "id" } }) return o.postgres.up == "", o.postgres.teardown()`, "true true"},
	{"resty.ljsonschema", `local v = m.generate_validator { type = "object", required = { "a" }, properties = { a = { type = "number", maximum = 5 }, b = { type = "array", items = { enum = { "x", "y" } } } } }
		return v { a = 1, b = { "x" } }, select(2, v { a = 9 }), select(2, v { b = {} }), (v { a = 1, b = { "z" } }), (m.generate_validator('{"type":"string"}')("s")), pcall(m.generate_validator, { type = 5 }) == false, (m.jsonschema_validator { type = "no" }), (m.generate_validator { ["$ref"] = "#/definitions/n", definitions = { n = { type = "null" } } })(ngx.null),
		pcall(m.generate_validator, { ["$ref"] = "http://127.0.0.1:1/x.json" }) == false`,
		"true property a validation failed: maximum: got 9, want 5 missing property 'a' false true true false true true"},
	{"ffi-zlib", `local function source(s) local at = 1 return function(n) local c = s:sub(at, at + n - 1) at = at + #c return c ~= "" and c or nil end end local function sink() local t = {} return function(c) t[#t + 1] = c end, t end
		local text = ("abc"):rep(10000) local put, packed = sink() local ok = m.deflateGzip(source(text), put, 100, { level = 9 }) local put2, plain = sink() local ok2 = m.inflateGzip(source(table.concat(packed)), put2, 1000)
		return ok, ok2, table.concat(plain) == text, #table.concat(packed) < 500, m.inflateGzip(source("nonsense"), put2, 10)`, "true true true true false INFLATE: unexpected EOF"},
	{"prometheus_resty_counter", `local c = m.new("kong") c:incr("prc", 2) c:incr("prc") c:sync() return ngx.shared.kong:get("prc"), (c:reset("prc", 3))`, "3 0"},
	{"prometheus", `ngx.shared.kong_locks:flush_all() local p = m.init("kong_locks", { prefix = "x_" }) local c, g, h = p:counter("hits", "Hits", { "path" }), p:gauge("up"), p:histogram("lat", "Latency", { "m" }, { 0.1, 1 })
		c:inc(1, { 'a"b' }) c:inc(2, { 'a"b' }) c:inc(1, {}) g:set(5) g:inc(-2) h:observe(0.5, { "GET" }) h:observe(3, { "GET" }) local t = table.concat(p:metric_data()) c:reset() g:del()
		return t, (table.concat(p:metric_data()):find("x_hits", 1, true)), (p:counter("bad name")), (p:gauge("up"))`,
		"# HELP x_nginx_metric_errors_total Number of nginx-lua-prometheus errors\n# TYPE x_nginx_metric_errors_total counter\nx_nginx_metric_errors_total 1\n# HELP x_hits Hits\n# TYPE x_hits counter\nx_hits{path=\"a\\\"b\"} 3\n# TYPE x_up gauge\nx_up 3\n" +
			"# HELP x_lat Latency\n# TYPE x_lat histogram\nx_lat_bucket{m=\"GET\",le=\"1\"} 1\nx_lat_bucket{m=\"GET\",le=\"+Inf\"} 2\nx_lat_count{m=\"GET\"} 2\nx_lat_sum{m=\"GET\"} 3.5\n nil nil nil"},
	{"kong.plugins.prometheus.exporter", `local p = m.get_prometheus() local h = p:histogram("tp_seconds", "Times", { "host" }, { 1 }) local g = p:gauge("tp_now", "Now", { "host" }, p.LOCAL_STORAGE) h:observe(0.5, { "a" }) g:set(3, { "a" })
		local out = {} m.metric_data(function(s) if s:find("tp_now{", 1, true) then out[#out + 1] = s end end) return p == m.get_prometheus(), #out, out[1], table.concat(m.metric_data()):find('kong_tp_seconds_count{host="a"} 1', 1, true) ~= nil`,
		"true 1 kong_tp_now{host=\"a\"} 3\n true"},
	{"kong.observability.otlp", `local types, codec, parse = require "gibbon.protobuf.types", require "gibbon.protobuf.codec", require "gibbon.protobuf.parse" local st = types.new()
		types.add(st, parse('syntax = "proto3"; message R { repeated A a = 1; message A { V v = 1; repeated S s = 2; } message V { repeated K k = 1; } message K { string k = 1; Y y = 2; } message Y { string s = 1; int64 i = 3; } message S { bytes scope = 1; repeated P p = 2; } message P { bytes id = 1; int32 n = 2; bytes parent = 4; string name = 5; fixed64 start = 7; K body = 5000; } }'))
		local function dec(s) return codec.decode(st, types.find(st, "R"), s).a[1] end
		local d = dec(m.encode_traces({ { trace_id = ("ab"):rep(16), span_id = "12345678", parent_id = "87654321", name = "kong", start_time_ns = 1700000000000000000, attributes = { a = 1, b = { true, "x" } }, events = { { name = "e", time_ns = 5 } }, status = 2 } }, { env = "t" }))
		local p = d.s[1].p[1] local l = m.encode_logs({ { time_ns = 1, log_level = ngx.ERR, body = "failed", attributes = { n = 2 }, span_id = "12345678" } })
		return d.v.k[1].k, d.v.k[1].y.s, d.v.k[2].k, d.v.k[2].y.s, #p.id, p.name, p.parent, p.start == 1700000000000000000, dec(l).v.k[1].y.s, l:find("failed", 1, true) ~= nil, l:find("ERR", 1, true) ~= nil, #m.encode_traces({})`,
		"env t service.name kong 16 kong 87654321 true kong true true 54"},
}
