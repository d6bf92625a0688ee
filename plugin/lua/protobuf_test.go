package lua

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const scalarsProto = `
	// every kind
	syntax = "proto3"; package t.v1; option go_package = "x/y;z";
	import "google/protobuf/timestamp.proto";
	enum Color { option allow_alias = true; RED = 0; BLUE = 2; NAVY = 2; reserved 5, 7 to 9; }
	message All {
		int32 a = 1; int64 b = 2; uint32 c = 3; uint64 d = 4; sint32 e = 5; sint64 f = 6; fixed32 g = 7; fixed64 h = 8; sfixed32 i = 9; sfixed64 j = 10;
		double k = 11; float l = 12; bool m = 13; string n = 14; bytes o = 15; Color p = 16; repeated int32 q = 17; repeated string r = 18 [deprecated = true];
		map<string, Sub> s = 19; oneof choice { string t1 = 20; Sub t2 = 21; } repeated int32 u = 22 [packed = false]; google.protobuf.Timestamp v = 23; optional int32 w = 24;
		message Sub { int32 x = 1; All up = 2; } reserved "old"; Sub one = 25; map<int32, int64> y = 26; repeated Sub many = 27; /* the end */
	}
	service Svc { rpc Do(All) returns (stream All.Sub) { option (x.y) = { get: "/v1" }; } }`

func TestProtobuf(t *testing.T) {
	expect(t, inAccess(t, `local pb, protoc, hex = require "pb", require "protoc", require("resty.string").to_hex
		pb.clear() say((protoc:load([==[`+scalarsProto+`]==], "t.proto")))
		local m = { a = -1, b = -5, c = 4294967295, d = "#18446744073709551615", e = -3, f = -2147483649, g = 7, h = 8, i = -9, j = -10, k = 0.1, l = 1.5, m = true, n = "ä", o = "\0\255", p = "BLUE", q = { 1, -1, 300 },
			r = { "x", "" }, s = { key = { x = 1 } }, t1 = "", u = { 1, 2 }, v = { seconds = 5 }, w = 0, one = {}, y = { [-3] = 4 }, many = { { x = 1 }, {} } }
		local bytes = pb.encode("t.v1.All", m) local d = pb.decode(".t.v1.All", bytes)
		say(d.a, d.b, d.c, d.d, d.e, d.f, d.g, d.h, d.i, d.j) say(d.k, d.l, d.m, d.n, #d.o, d.p, #d.q, d.q[3], #d.r, d.s.key.x, d.t1, d.t2, d.u[2], d.v.seconds, d.v.nanos, d.w, d.one.x, d.y[-3], d.many[1].x, d.many[2].x)
		say(hex(pb.encode("t.v1.All", { a = 150, e = -1, q = { 3, 270 } })), #pb.encode("t.v1.All", { a = 0, n = "", p = "RED", m = false, q = {} })) d = pb.decode("t.v1.All", "") say(d.a, d.n, d.p, d.m, #d.q, d.one, d.t1, next(d.s))
		pb.option "int64_as_string" say(pb.decode("t.v1.All", bytes).d, pb.decode("t.v1.All", bytes).b) pb.option "int64_as_hexstring" say(pb.decode("t.v1.All", bytes).d) pb.option "int64_as_number"
		pb.option "enum_as_value" say(pb.decode("t.v1.All", bytes).p) pb.option "enum_as_name" say(pb.enum("t.v1.Color", "NAVY"), pb.enum("t.v1.Color", 2), pb.decode("t.v1.All", pb.encode("t.v1.All", { p = 9 })).p)
		pb.option "no_default_values" say(pb.decode("t.v1.All", "").a, pb.decode("t.v1.All", "").q) pb.option "auto_default_values" say(pcall(pb.option, "nope"))
		say(pb.type("t.v1.All.Sub")) say(pb.field("t.v1.All", "q")) say(pb.field("t.v1.All", 25)) local n = 0 for _ in pb.fields("t.v1.All") do n = n + 1 end say(n)
		for _, bad in ipairs { { a = "x" }, { n = {} }, { one = 1 }, { p = "PINK" }, { q = 1 }, { a = 1.5 } } do say((select(2, pcall(pb.encode, "t.v1.All", bad)))) end say(pcall(pb.encode, "none", {})) say(pcall(pb.encode, "t.v1.All", 1))
		say(pb.tohex("\1\255"), #pb.fromhex("01 FF"))
		-- compiled
		local set = protoc.new():compile([==[`+scalarsProto+`]==], "t.proto") local old = pb.state() local ok = pb.load(protoc.new():compile(require("gibbon.protobuf.files")["google/protobuf/timestamp.proto"], "google/protobuf/timestamp.proto")) say(ok, pb.load(set), pb.decode("t.v1.All", bytes).s.key.x) pb.state(old)
		pb.load_ok = nil say((pb.load("\255"))) pb.clear() say(pb.type("t.v1.All"))
		-- proto2
		protoc:load('syntax = "proto2"; message P { required int32 a = 1; optional string b = 2 [default = "d\\"x"]; repeated int32 c = 3 [packed = true]; optional E e = 4 [default = TWO]; enum E { ONE = 1; TWO = 2; } extensions 100 to max; }')
		d = pb.decode("P", pb.encode("P", { a = 0, c = { 1, 2 } })) say(d.a, d.b, #d.c, d.e, pb.defaults("P").b, pb.defaults("P").e)`),
		`true
-1 -5 4294967295 1.844674407371e+19 -3 -2147483649 7 8 -9 -10
0.1 1.5 true ä 2 BLUE 3 300 2 1  nil 2 5 0 0 0 4 1 0
08960128018a0103038e02 0
0  RED false 0 nil nil nil
#18446744073709551615 -5
#0xffffffffffffffff
2
2 BLUE 9
nil nil
false bad argument #1 to 'option' (invalid option 'nope')
.t.v1.All.Sub Sub message
q 17 int32 nil packed nil
one 25 .t.v1.All.Sub nil optional nil
27
bad argument #2 to 'encode' (number expected for field 'a', got string)
bad argument #2 to 'encode' (string expected for field 'n', got table)
bad argument #2 to 'encode' (table expected for field 'one', got number)
bad argument #2 to 'encode' (can not encode unknown enum 'PINK' at field 'p')
bad argument #2 to 'encode' (table expected for field 'q', got number)
bad argument #2 to 'encode' (integer expected for field 'a', got number)
false bad argument #1 to 'encode' (type 'none' does not exists)
false bad argument #2 to 'encode' (table expected, got number)
01 FF 2
true true 1
false

0 nil 2 nil d"x TWO`)
}

// What the codec writes is what Go's reads, and the other way round.
func TestProtobufAgainstGo(t *testing.T) {
	value, err := structpb.NewStruct(map[string]any{"n": 1.5, "s": "x", "l": []any{true, nil, map[string]any{"k": "v"}}})
	if err != nil {
		t.Fatal(err)
	}
	fromGo, _ := proto.Marshal(value)
	wrapped, _ := proto.Marshal(wrapperspb.Int64(-77))
	set, _ := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(structpb.File_google_protobuf_struct_proto), protodesc.ToFileDescriptorProto(wrapperspb.File_google_protobuf_wrappers_proto)}})
	got := inAccess(t, fmt.Sprintf(`local pb, hex = require "pb", require("resty.string").to_hex pb.clear() say((pb.load(pb.fromhex %q)))
		local d = pb.decode("google.protobuf.Struct", pb.fromhex %q) say(d.fields.n.number_value, d.fields.s.string_value, d.fields.l.list_value.values[1].bool_value, d.fields.l.list_value.values[2].null_value, d.fields.l.list_value.values[3].struct_value.fields.k.string_value)
		say(pb.decode("google.protobuf.Int64Value", pb.fromhex %q).value) say(hex(pb.encode("google.protobuf.Struct", d)))`, hex.EncodeToString(set), hex.EncodeToString(fromGo), hex.EncodeToString(wrapped)))
	lines := strings.Split(got, "\n")
	if len(lines) != 4 {
		t.Fatal(got)
	}
	expect(t, strings.Join(lines[:3], "\n"), "true\n1.5 x true NULL_VALUE v\n-77")
	b, _ := hex.DecodeString(lines[3])
	var back structpb.Struct
	if err := proto.Unmarshal(b, &back); err != nil || !proto.Equal(&back, value) {
		t.Errorf("%v %v", err, &back)
	}
}

// Bytes and texts of strangers end as Lua errors.
func TestProtobufMalformed(t *testing.T) {
	got := inAccess(t, `local pb, protoc = require "pb", require "protoc" pb.clear() protoc:load 'syntax = "proto3"; message M { int32 a = 1; string b = 2; M c = 3; repeated int32 d = 4; double e = 5; map<string, int32> f = 6; }'
		for _, s in ipairs { "\8", "\8\255\255\255\255\255\255\255\255\255\255\1", "\18\5ab", "\18\255\255\255\255\15", "\26\2\18\9", "\34\2\255\255", "\41\1\2", "\15", "\128", "\12" } do local ok, err = pcall(pb.decode, "M", s) say(ok, (err:gsub("^%S+:%d+: ", ""))) end
		local deep = "" for i = 1, 200 do deep = "\26" .. require("gibbon.protobuf.codec").varint(#deep) .. deep end say(pcall(pb.decode, "M", deep)) local t = {} t.c = t say(pcall(pb.encode, "M", t))
		for _, s in ipairs { "message", "message M {", "message M { int32 a; }", "message M { int32 a = 0; }", "message M { X a = 1; }", 'import "none.proto";', "enum E { A = x; }", "/* x", '"', "message M { group G = 1 {} }", "foo", "message M { map<int32> a = 1; }", ("message M {"):rep(50) } do local ok, err = pcall(protoc.load, protoc, s, "f.proto") say(ok, err) end`)
	for _, l := range strings.Split(got, "\n") {
		if !strings.HasPrefix(l, "false ") {
			t.Error(l)
		}
	}
	if !strings.Contains(got, "f.proto:1: ") || !strings.Contains(got, "unknown type 'X' of field M.a") || strings.Count(got, "nested too deeply") != 3 {
		t.Error(got)
	}
}
