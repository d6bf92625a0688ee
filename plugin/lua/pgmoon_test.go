package lua

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

func TestPgmoon(t *testing.T) {
	d := postgresServer(t)
	with := func(body string) string {
		return inAccess(t, strings.NewReplacer("PORT", fmt.Sprint(d.port), "DIR", d.dir).Replace(`local pgmoon = require "pgmoon"
			local function open(o) local pg = pgmoon.new { host = "127.0.0.1", port = PORT, database = "postgres", user = o.user or "postgres", password = o.password, ssl = o.ssl, ssl_verify = o.ssl_verify, ssl_required = o.ssl_required, pool = o.pool, convert_null = o.convert_null }
				pg:settimeout(2000) return pg end `)+strings.NewReplacer("PORT", fmt.Sprint(d.port), "DIR", d.dir).Replace(body))
	}
	t.Run("simple", func(t *testing.T) {
		expect(t, with(`local pg = open {} say(pg:connect())
			say(pg:query "CREATE TABLE cats (id SERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE, legs INT, weight NUMERIC, born DATE, alive BOOL, tags TEXT[], nums INT[][], meta JSONB, raw BYTEA, big BIGINT)")
			local r, n = pg:query [[INSERT INTO cats (name, legs, weight, born, alive, tags, nums, meta, raw, big) VALUES ('Bob''s', 4, 1.5, '2020-01-02', true, '{a,"b \"c\"",NULL}', '{{1,2},{3,4}}', '{"a":[1,null]}', '\x00ff41', 123456789012), ('Möhre', NULL, NULL, NULL, false, '{}', NULL, NULL, NULL, NULL)]] say(r.affected_rows, n)
			r, n = pg:query "SELECT * FROM cats ORDER BY id" say(#r, n) local c = r[1] say(c.id, c.name, c.legs, c.weight, c.born, c.alive, c.big) say(c.tags[1], c.tags[2], c.tags[3] == pg.NULL, c.nums[2][1], c.meta.a[1], c.meta.a[2] == ngx.null, #c.raw, c.raw:byte(2))
			say(r[2].name, r[2].legs, r[2].alive, #r[2].tags) pg.convert_null = true say(pg:query("SELECT NULL AS x")[1].x == pg.NULL) pg.convert_null = false
			r = pg:query "UPDATE cats SET legs = 3 RETURNING id" say(#r, r.affected_rows, r[2].id) say(pg:query("DELETE FROM cats WHERE id = 99").affected_rows) say(pg:query("SELECT 1 WHERE false")[1])
			r, n = pg:query "SELECT 1 AS a; SELECT 2 AS b; BEGIN; COMMIT" say(n, r[1][1].a, r[2][1].b, r[3])
			local res, err, partial, count = pg:query "SELECT 1 AS a; SELECT nope" say(res, err, partial[1].a, count) say(pg.last_error.code, pg.last_error.position)
			res, err = pg:query "INSERT INTO cats (name) VALUES ('Bob''s')" say(res, (err:gsub("\n", "|"))) say(pg.last_error.constraint, pg.last_error.table, pg.last_error.severity)
			say(pg:query "") say(#pg:query("SELECT repeat('abcdefghij', 300000) AS s")[1].s) say(pg:query "SELECT 1\0") say((pg:query "COPY cats FROM STDIN")) say(pg:query("SELECT 1 AS ok")[1].ok)
			local _, _, _, notices = pg:query "DROP TABLE IF EXISTS none" say(notices[1])
			pg:query "LISTEN news" _, _, notices = pg:query "NOTIFY news, 'extra'" say(notices[1].channel, notices[1].payload, notices[1].operation)
			local other = open { pool = "other" } other:connect() other:query "NOTIFY news, 'two'" say(pg:wait_for_notification().payload) say(other:disconnect())
			say(pg:escape_identifier('a"b'), pg:escape_literal("it's"), pg:escape_literal(5), pg:escape_literal(true), pg:escape_literal(ngx.null), (pcall(pg.escape_literal, pg, {})))
			say(pg:query("SELECT " .. pg:escape_literal("it's \\ x") .. " AS " .. pg:escape_identifier('odd"name'))[1]['odd"name'])
			say(pg:query("SELECT " .. require("pgmoon.arrays").encode_array { 1, 2 } .. " AS a, " .. require("pgmoon.json").encode_json { k = "it's" } .. "::jsonb AS j, " .. pg:encode_bytea("\0'") .. "::bytea AS b")[1].j.k)
			say(pg:keepalive(10000, 5)) say(pg:query "SELECT 1") pg = open {} say(pg:connect()) say(pg.sock:getreusedtimes()) say(pg:query("SELECT 1 AS a")[1].a)
			pg:set_type_deserializer(1082, "day", function(_, v) return "day " .. v end) say(pg:query("SELECT DATE '2020-01-02' AS d")[1].d) say(pg:disconnect())
			pg = open { pool = "slow" } pg:connect() pg:settimeout(50) say(pg:query "SELECT pg_sleep(2)")`), `true
true 1 nil nil
2 1
2 1
1 Bob's 4 1.5 2020-01-02 true 123456789012
a b "c" true 3 1 true 3 255
Möhre nil false 0
true
2 2 2
0
nil
4 1 2 true
nil ERROR: column "nope" does not exist (23) 1 1
42703 23
nil ERROR: duplicate key value violates unique constraint "cats_name_key"|Key (name)=(Bob's) already exists.
cats_name_key cats ERROR
true 0 nil nil
3000000
nil invalid null byte in query
nil
1
NOTICE: table "none" does not exist, skipping
news extra notification
two
1
"a""b" 'it''s' 5 TRUE NULL false
it's \ x
it's
1
nil closed
true
1
1
day 2020-01-02
1
nil receive_message: failed to get type: timeout`)
	})
	t.Run("extended", func(t *testing.T) {
		expect(t, with(`local arrays = require "pgmoon.arrays" local pg = open {} pg:connect()
			say(pg:query("SELECT $1 + $2 AS sum, $3 AS s, $4 AS b, $5::text AS n", 22, 44, "it's", true, pg.NULL)[1].sum) local r = pg:query("SELECT $1 AS s, $2 AS b, $3::text AS n", "it's", false, ngx.null) say(r[1].s, r[1].b, r[1].n)
			pg:query "CREATE TABLE p (id UUID, n INT, tags TEXT[], meta JSONB)" local id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
			say(pg:query("INSERT INTO p VALUES ($1, $2, $3, $4)", id, 7, arrays.PostgresArray { "a", 'q"\\', ngx.null }, require("cjson").encode { x = 1 }).affected_rows)
			r = pg:query("SELECT * FROM p WHERE id = $1 AND n = $2 AND tags @> $3 LIMIT $4", id, 7, arrays.PostgresArray { "a" }, 10) say(#r, r[1].tags[2], r[1].tags[3] == pg.NULL, r[1].meta.x)
			say(pg:query("SELECT $1::int AS i", "x")) say(pg:query("SELECT 1 AS ok")[1].ok) say(pg:query("SELECT $1", {})) say(pg:query("SELECT $1 AS v", setmetatable({}, { pgmoon_serialize = function() return 23, "5" end }))[1].v)
			say(pg:extended_query("SELECT 9 AS n")[1].n) say(pg:disconnect())`), `66
it's false nil
1
1 q"\ true 1
nil ERROR: invalid input syntax for type integer: "x" nil 0 nil nil
1
nil pgmoon: param 1: don't know how to serialize a value of type table
5
9
1`)
	})
	t.Run("passwords", func(t *testing.T) {
		expect(t, with(`for _, user in ipairs { "md5er", "scram", "clear" } do
				local pg = open { user = user, password = "secret pass" } say(user, pg:connect()) say(pg:query("SELECT current_user AS u")[1].u) pg:disconnect()
				pg = open { user = user, password = "wrong" } say(pg:connect()) end
			say(open { user = "scram" }:connect()) say(open { user = "nobody" }:connect())
			local pg = open { user = "scram", password = "secret pass", ssl = true } say(pg:connect()) say(pg:query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[1].ssl) pg:disconnect()
			say(open { ssl = true, ssl_verify = true }:connect() == nil)
			pg = pgmoon.new { host = "DIR", port = "PORT", user = "postgres" } say(pg:connect()) pg:disconnect() say(pgmoon.new { port = 1 }:connect())`), `md5er true
md5er
nil FATAL: password authentication failed for user "md5er"
scram true
scram
nil FATAL: password authentication failed for user "scram"
clear true
clear
nil FATAL: password authentication failed for user "clear"
nil missing password, required for connect
nil FATAL: role "nobody" does not exist
true
true
true
true
nil connection refused`)
	})
}

func TestPgmoonCodecs(t *testing.T) {
	sum := func(s string) string { b := md5.Sum([]byte(s)); return hex.EncodeToString(b[:]) }
	expect(t, inAccess(t, `local a, w, auth, h = require "pgmoon.arrays", require "gibbon.postgres.wire", require "gibbon.postgres.auth", require "pgmoon.hstore"
		local function show(v) if type(v) ~= "table" then return tostring(v) end local out = {} for i = 1, #v do out[i] = show(v[i]) end return "(" .. table.concat(out, " ") .. ")" end
		for _, s in ipairs { "{}", "{1,2}", '{"a,b","c\\"d",e f}', "{{1},{2}}", "[0:1]={5,6}", "{NULL,\"NULL\"}", "", "{", "{1", "{1,", "{1}x", '{"a', "{1}}", "{{{{{{{1}}}}}}}" } do local ok, v = pcall(a.decode_array, s) say(s, ok, (show(v):gsub("userdata: %S+ ", "null "))) end
		say(a.encode_array { 1, "it's", true }, a.encode_array { { 1, 2 }, { 3, 4 } }, a.text { "a", { 1 } })
		say(h.encode_hstore { a = 1, b = 'q"', c = false }) local t = h.decode_hstore [["a"=>"1", "b"=>"q\"\\", "c"=>NULL]] say(t.a, t.b, t.c) for _, s in ipairs { "x", '"a"', '"a"=>', '"a"=>"b' } do say((pcall(h.decode_hstore, s))) end
		for _, n in ipairs { 0, 1, -1, 2147483647, -2147483648 } do say((w.get4(w.int4(n), 1)), (w.get2(w.int2(n), 1))) end
		for _, s in ipairs { "", "\0", "\0\1ab", "\0\1ab\0xx" } do local ok, err = pcall(w.columns, s) say(ok, err == w.MALFORMED) end
		for _, s in ipairs { "\0\1\0\0\0\5ab", "\0\2\0\0\0\1a", "\0\1\127\255\255\255" } do local ok, err = pcall(w.row, s, { { "c", 25 } }, function(_, v) return v end) say(ok, err == w.MALFORMED) end
		say(auth.md5("u", "p", "salt"))
		-- the example of RFC 7677
		local state, first = auth.begin("rOprNGfwEbeRWgbNEkqO") say((first:gsub("n=,", "n=user,", 1)) ~= first) state.bare = "n=user,r=rOprNGfwEbeRWgbNEkqO"
		say(auth.continue(state, "pencil", "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
		say(auth.finish(state, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), auth.finish(state, "v=x"), auth.finish({}, "v=x"))
		for _, c in ipairs { "", "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=100000000" } do say(auth.continue(state, "pencil", c)) end`),
		`{} true ()
{1,2} true (1 2)
{"a,b","c\"d",e f} true (a,b c"d e f)
{{1},{2}} true ((1) (2))
[0:1]={5,6} true (5 6)
{NULL,"NULL"} true (null NULL)
 false failed to parse postgresql array
{ false failed to parse postgresql array
{1 false failed to parse postgresql array
{1, false failed to parse postgresql array
{1}x false failed to parse postgresql array
{"a false failed to parse postgresql array
{1}} false failed to parse postgresql array
{{{{{{{1}}}}}}} false failed to parse postgresql array
ARRAY[1,'it''s',TRUE] ARRAY[[1,2],[3,4]] {"a",{1}}
'"a"=>"1", "b"=>"q\"", "c"=>NULL'
1 q"\ nil
false
false
false
false
0 0
1 1
-1 65535
2147483647 65535
-2147483648 0
false true
false true
false true
false true
false true
false true
false true
md5`+sum(sum("pu")+"salt")+`
true
c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=
true false false
nil malformed SCRAM challenge of the server
nil malformed SCRAM challenge of the server
nil malformed SCRAM challenge of the server
nil the server wants 100000000 SCRAM iterations, at most 1000000 are done`)
}

// A server that makes no sense ends as a result.
func TestPgmoonMalformed(t *testing.T) {
	for answer, want := range map[string]string{
		"R\x00\x00\x00\x04":                          "nil malformed message of the server",
		"R\x00\x00\x00\x03":                          "nil malformed message of the server",
		"R\xff\xff\xff\xff":                          "nil malformed message of the server",
		"R\x00\x00\x00\x08\x00\x00\x00\x07":          "nil don't know how to auth, auth_type: 7",
		"R\x00\x00\x00\x08\x00\x00\x00\x0c":          "nil don't know how to auth, auth_type: 12",
		"E\x00\x00\x00\x0aSx":                        "nil closed",
		"E\x00\x00\x00\x0eSFATAL\x00Mno":             "nil malformed message of the server",
		"E\x00\x00\x00\x0eSFATAL\x00M\x00\x00":       "nil FATAL: ",
		"R\x00\x00\x00\x0e\x00\x00\x00\x0aOTHER\x00": "nil unsupported SASL mechanism(s): OTHER",
	} {
		port := portOf(serve(t, "tcp", func(c net.Conn) {
			head := make([]byte, 4)
			_, _ = io.ReadFull(c, head)
			_, _ = io.CopyN(io.Discard, c, int64(head[3])-4)
			_, _ = io.WriteString(c, answer)
		}))
		expect(t, inAccess(t, fmt.Sprintf(`local pg = require("pgmoon").new { port = %d, user = "u", password = "p" } pg:settimeout(500) say(pg:connect())`, port)), want)
	}
}
