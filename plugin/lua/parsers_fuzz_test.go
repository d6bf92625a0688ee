package lua

import (
	"strings"
	"testing"
)

// FuzzParsers gives bytes to the library's parsers of what others say: databases, brokers, messages, documents, templates. Each
// ends with a value, or with the error that it promises; what one wrote itself it reads again.
func FuzzParsers(f *testing.F) {
	for _, s := range []string{"", "\x0a8.0.36\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x2d\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00ijklmnopqrst\x00mysql_native_password\x00",
		"\x00\x01\xfc\x2c\x01\x02\x00\x00\x00done", "\xff\x15\x04#28000no", "\x00\x01id\x00\x00\x00\x40\x00\x00\x01\x00\x00\x00\x17\x00\x04\xff\xff\xff\xff\x00\x00", "SERROR\x00C42P01\x00Mno\x00\x00",
		`{1,"a\"b",{NULL}}`, `"a"=>"1", "b"=>NULL`, "\x00\x00\x00\x01\x00\x00\x00\x07\x00\x09127.0.0.1\x00\x00\x23\x84\xff\xff", "\x08\x96\x01\x12\x02ab\x1a\x02\x08\x01\x22\x02\x01\x02",
		`syntax = "proto3"; message M { map<string, M> a = 1; oneof x { int32 b = 2; } } enum E { A = 0x1; }`, `<?xml version="1.0"?><a b="c&#65;"><![CDATA[x]]><d/>text</a>`,
		"a {{x}} {* y *} {% if x then %}z{% end %} {-b-}c{-b-} {# d #} \\{{e}} {(f, { g = 1 })}", "v=1; a=\"b\"", "1.2.3.4/8", strings.Repeat("{", 300), strings.Repeat("<a>", 1200), strings.Repeat("\x1a\x7f", 64)} {
		f.Add(s)
	}
	s := newStage(f, Options{})
	all := s.start(s.plugin("parsers", `local input = native.op "test.input"
local my, pg, kafka = require "gibbon.mysql.wire", require "gibbon.postgres.wire", require "gibbon.kafka.wire"
local arrays, hstore, pb, protoc, xml2lua = require "pgmoon.arrays", require "pgmoon.hstore", require "pb", require "protoc", require "xml2lua"
local parse_template, scram, iputils = require "gibbon.template_parse", require "gibbon.postgres.auth", require "resty.iputils"
protoc:load 'syntax = "proto3"; package fz; message M { int32 a = 1; string b = 2; M c = 3; repeated sint64 d = 4; double e = 5; map<string, int32> f = 6; fixed32 g = 7; bool h = 8; }'
-- promised(f, malformed, …): f's result; another error than those it may raise fails the test
local function promised(f, malformed, ...)
  local ok, v = pcall(f, ...)
  if ok then return v end
  if malformed and v == malformed then return nil end
  if not malformed and type(v) == "string" and not v:find("attempt to", 1, true) then return nil end
  error(tostring(v) .. " is no error that was promised", 0)
end
local function text(_, v) return v end
function P:access()
  local s = native.ask(input)
  for _, f in ipairs { my.ok, my.failure, my.column, my.greeting } do promised(f, my.MALFORMED, s) end
  promised(my.lenenc_string, my.MALFORMED, s, 1)
  assert(my.lenenc_string(my.set_lenenc_string(s), 1) == s)
  for _, f in ipairs { pg.columns, pg.fields, pg.notification } do promised(f, pg.MALFORMED, s) end
  promised(pg.row, pg.MALFORMED, s, { { "a", 25 }, { "b", 23 } }, text)
  promised(kafka.read_metadata, kafka.MALFORMED, s, 1)
  promised(kafka.read_produce, kafka.MALFORMED, s, 1)
  promised(arrays.decode_array, nil, s)
  promised(hstore.decode_hstore, nil, s)
  local list = arrays.decode_array(arrays.text { s, 1, { s } }) assert(list[1] == s and list[3][1] == s)
  local m = promised(pb.decode, nil, "fz.M", s)
  if m then
    local again = pb.encode("fz.M", m)
    assert(pb.encode("fz.M", pb.decode("fz.M", again)) == again or next(m.f) ~= nil or m.e ~= m.e or m.c, "protocol buffers")
  end
  promised(protoc.parse, nil, protoc, s, "f.proto")
  local h = require("xmlhandler.tree"):new()
  promised(function() xml2lua.parser(h):parse(s) return xml2lua.toXml(h.root) end, nil)
  local code = parse_template(s)
  loadstring(code)
  scram.finish({ server = "x" }, s) iputils.parse_cidr(s) require("gibbon.postgres.wire").message("Q", s)
end`))
	s.fuzzAccess(f, "GET / HTTP/1.1\nHost: h.test\n", all)
}
