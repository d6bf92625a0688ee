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
}
