package lua

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

func TestRestyMySQL(t *testing.T) {
	d := mariaServer(t)
	got := inAccess(t, strings.NewReplacer("PORT", fmt.Sprint(d.port), "SOCK", d.dir+"/sock").Replace(`local mysql = require "resty.mysql"
		local db = assert(mysql:new()) db:set_timeout(2000)
		local o = { host = "127.0.0.1", port = PORT, database = "shop", user = "me", password = "secret pass", charset = "utf8mb4", max_packet_size = 8 * 1024 * 1024 }
		say(db:connect(o)) say(db:server_ver():match("MariaDB"), db:get_reused_times())
		local r = db:query("CREATE TABLE cats (id SERIAL PRIMARY KEY, name VARCHAR(20), born DATE, weight DECIMAL(5,2), sex ENUM('f', 'm'), n INT, y YEAR, x DOUBLE, b BLOB, big BIGINT)") say(r.affected_rows, r.warning_count)
		r = db:query("INSERT INTO cats (name, born, weight, n, y, x, b, big) VALUES ('Bob\\'s', '2020-01-02', 1.50, -3, 2020, 0.25, x'00ff', 9007199254740991), ('Möhre', NULL, NULL, NULL, NULL, NULL, '', NULL)") say(r.affected_rows, r.insert_id, r.message)
		r = assert(db:query("SELECT * FROM cats ORDER BY id", 2)) say(#r) local c = r[1] say(c.id, type(c.id), c.name, c.born, c.weight, c.n, c.y, c.x, #c.b, c.big == 9007199254740991, c.sex == ngx.null) say(r[2].name, r[2].born == ngx.null, r[2].b == "", r[2].x == ngx.null)
		r = db:query("UPDATE cats SET n = 3 WHERE id = 1") say(r.affected_rows) r = db:query("UPDATE cats SET n = 3 WHERE id = 1") say(r.affected_rows, r.message)
		local _, why, number, state = db:query("SELECT nothing FROM cats") say(why:match("Unknown column 'nothing'"), number, state) say(db:query("SELECT * FROM cats WHERE id = 99")[1])
		db:set_compact_arrays(true) r = db:query("SELECT name, n FROM cats WHERE id = 1") say(r[1][1], r[1][2]) db:set_compact_arrays(false)
		-- more than one statement
		local res, err = db:query("SELECT 1 AS a; INSERT INTO cats (name) VALUES ('x'); SELECT 2 AS b") say(res[1].a, err) say(db:set_keepalive()) say(db:query("SELECT 1"))
		res, err = db:read_result() say(res.affected_rows, err) res, err = db:read_result() say(res[1].b, err) say(db:read_result())
		res, err = db:query("SELECT 1; SELECT nope") say(err) res, err = db:read_result() say(res, (err:match("nope")))
		-- as plugins quote
		say(db:query("SELECT " .. ngx.quote_sql_str("it's \\ \"q\"") .. " AS s")[1].s)
		say(db:send_query("SELECT REPEAT('abcdefghij', 500000) AS s")) r = db:read_result() say(#r[1].s)
		say(#db:query({ "SELECT '", ("z"):rep(2000000), "' AS s" })[1].s)
		say(db:set_keepalive(10000, 5)) say(db:query("SELECT 1")) db = mysql:new() say(db:connect(o)) say(db:get_reused_times()) say(db:query("SELECT DATABASE() AS d")[1].d) say(db:close())
		-- a result larger than max_packet_size
		o.max_packet_size, o.pool = 1000, "small" db = mysql:new() db:connect(o) say(db:query("SELECT REPEAT('x', 2000) AS s")) say(db:query("SELECT 1"))
		-- other ways to log in
		db = mysql:new() say(db:connect { path = "SOCK", database = "shop", user = "me", password = "secret pass", compact_arrays = true }) say(db:query("SELECT 7")[1][1])
		db = mysql:new() say(db:connect { host = "127.0.0.1", port = PORT, user = "open" }) db:close()
		db = mysql:new() say(db:connect { host = "127.0.0.1", port = PORT, database = "shop", user = "me", password = "wrong" })
		db = mysql:new() say(db:connect { host = "127.0.0.1", port = PORT, database = "none", user = "me", password = "secret pass" })
		db = mysql:new() say(db:connect { host = "127.0.0.1", port = PORT, database = "shop", user = "me", password = "secret pass", ssl = true, pool = "tls" }) say(#db:query("SHOW STATUS LIKE 'Ssl_cipher'")[1].Value > 5) db:close()
		db = mysql:new() say(db:connect { host = "127.0.0.1", port = PORT, database = "shop", user = "me", password = "secret pass", ssl = true, ssl_verify = true, pool = "verified" } == nil)
		say(db:connect { host = "127.0.0.1", port = 1 }) say(db:connect { user = "x" }) say(db:connect { host = "127.0.0.1", charset = "klingon" }) say(db:query("SELECT 1"))
		db = mysql:new() db:connect(o) db:set_timeout(50) say(db:query("SELECT SLEEP(2)"))`))
	expect(t, got, `1
MariaDB 0
0 0
2 1 Records: 2  Duplicates: 0  Warnings: 0
2
1 number Bob's 2020-01-02 1.5 -3 2020 0.25 2 true true
Möhre true true true
1
1 Rows matched: 1  Changed: 0  Warnings: 0
Unknown column 'nothing' 1054 42S22
nil
Bob's 3
1 again
nil cannot be reused in the current connection state: 2
nil failed to send query: cannot send query in the current context: 2
1 again
2 nil
nil cannot read result in the current context: 1
again
nil nope
it's \ "q"
45
5000000
2000000
1
nil failed to send query: cannot send query in the current context: nil
1
1
shop
1
nil packet size too big: 2003
nil failed to send query: cannot send query in the current context: nil
1
7
1
nil Access denied for user 'me'@'127.0.0.1' (using password: YES) 1045 28000
nil Access denied for user 'me'@'%' to database 'none' 1044 42000
1
true
true
nil failed to connect: connection refused
nil neither "host" nor "path" options are specified
nil charset 'klingon' is not supported
nil failed to send query: cannot send query in the current context: nil
nil failed to receive packet header: timeout`)
}

// shaPeer is a server with caching_sha2_password, which MariaDB does not have:
// fast where the digest fits and cached, the public key's way otherwise.
type shaPeer struct {
	key      *rsa.PrivateKey
	cached   bool
	password string
}

const shaScramble = "abcdefghijklmnopqrst"

func (p *shaPeer) serve(c net.Conn) {
	r := bufio.NewReader(c)
	seq := byte(0)
	send := func(b ...byte) {
		_, _ = c.Write(append([]byte{byte(len(b)), byte(len(b) >> 8), byte(len(b) >> 16), seq}, b...))
		seq++
	}
	receive := func() []byte {
		head := make([]byte, 4)
		if _, err := io.ReadFull(r, head); err != nil {
			return nil
		}
		seq = head[3] + 1
		b := make([]byte, int(head[0])|int(head[1])<<8)
		_, _ = io.ReadFull(r, b)
		return b
	}
	caps := uint32(0x200 | 0x8000 | 0x80000)
	hello := append([]byte("\x0a8.0.36\x00\x01\x00\x00\x00"+shaScramble[:8]+"\x00"), byte(caps), byte(caps>>8), 45, 2, 0, byte(caps>>16), byte(caps>>24), 21)
	send(append(append(hello, make([]byte, 10)...), shaScramble[8:]+"\x00caching_sha2_password\x00"...)...)
	login := receive()
	if len(login) < 32 {
		return
	}
	rest := login[32:]
	rest = rest[bytes.IndexByte(rest, 0)+1:]
	proof := rest[1 : 1+rest[0]]
	ok := []byte{0, 0, 0, 2, 0, 0, 0}
	first := sha256.Sum256([]byte(p.password))
	second := sha256.Sum256(first[:])
	mask := sha256.Sum256(append(second[:], shaScramble...))
	fits := len(proof) == 32
	for i := range proof {
		fits = fits && proof[i] == first[i]^mask[i]
	}
	switch {
	case p.cached && fits:
		send(1, 3)
		send(ok...)
	default:
		send(1, 4)
		if b := receive(); len(b) != 1 || b[0] != 2 {
			send(append([]byte{0xff, 0x15, 0x04}, "#28000no key asked for"...)...)
			return
		}
		der, _ := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
		send(append([]byte{1}, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)...)
		plain, err := rsa.DecryptOAEP(sha1.New(), nil, p.key, receive(), nil)
		for i := range plain {
			plain[i] ^= shaScramble[i%len(shaScramble)]
		}
		if err != nil || string(plain) != p.password+"\x00" {
			send(append([]byte{0xff, 0x15, 0x04}, "#28000Access denied"...)...)
			return
		}
		send(ok...)
	}
	receive()
	send(append([]byte{0, 1, 0xfc, 0x2c, 0x01, 2, 0, 0, 0}, "done"...)...)
	receive()
}

func TestMySQLCachingSHA2(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cached   bool
		password string
		want     string
	}{
		"cached": {true, "secret pass", "1\n1 300 done 8.0.36"},
		"by key": {false, "secret pass", "1\n1 300 done 8.0.36"},
		"wrong":  {true, "other", "nil Access denied 1045 28000"},
	} {
		p := &shaPeer{key: key, cached: c.cached, password: "secret pass"}
		port := portOf(serve(t, "tcp", p.serve))
		expect(t, inAccess(t, fmt.Sprintf(`local db = require("resty.mysql"):new() db:set_timeout(1000)
			local ok, err, code, state = db:connect { host = "127.0.0.1", port = %d, user = "u", password = %q, pool = %q }
			if not ok then say(ok, err, code, state) return end say(ok)
			local r = db:query("x") say(r.affected_rows, r.insert_id, r.message, db:server_ver())`, port, c.password, name)), c.want)
	}
}

// What a server says is a stranger's: malformed packets end as results.
func TestMySQLMalformed(t *testing.T) {
	for name, packet := range map[string]string{"empty": "", "short greeting": "\x0a8.0\x00\x01", "version": "\x09x", "old": "\x0a5\x00\x01\x00\x00\x0012345678\x00\x00\x00", "error": "\xff\x10\x04#08004Too many connections"} {
		port := portOf(serve(t, "tcp", func(c net.Conn) {
			_, _ = c.Write(append([]byte{byte(len(packet)), 0, 0, 0}, packet...))
			_, _ = io.Copy(io.Discard, c)
		}))
		want := map[string]string{"empty": "nil empty packet", "short greeting": "nil malformed packet", "version": "nil unsupported protocol version 9",
			"old": "nil the server does not speak the protocol of MySQL 4.1 and later", "error": "nil Too many connections 1040 08004"}[name]
		expect(t, inAccess(t, fmt.Sprintf(`local db = require("resty.mysql"):new() db:set_timeout(500) say(db:connect { host = "127.0.0.1", port = %d })`, port)), want)
	}
}

func TestMySQLWire(t *testing.T) {
	expect(t, inAccess(t, `local w, a = require "gibbon.mysql.wire", require "gibbon.mysql.auth" local hex = require("resty.string").to_hex
		for _, s in ipairs { "\5", "\250", "\251", "\252\1\2", "\253\1\2\3", "\254\1\0\0\0\1\0\0\0" } do say(w.lenenc(s, 1)) end
		for _, s in ipairs { "", "\252\1", "\253\1\2", "\254\1\2\3\4\5\6\7", "\255", "\3ab" } do local ok, err = pcall(w.lenenc_string, s, 1) say(ok, err == w.MALFORMED) end
		for _, n in ipairs { 0, 250, 251, 65535, 65536 } do local s = w.set_lenenc_string(("x"):rep(n)) say(#s - n, #w.lenenc_string(s, 1)) end
		say(w.cstring("ab\0c", 1)) say(w.cstring("ab", 2)) say(hex(w.set4(0xfedcba98)), hex(w.set3(0x123456)))
		say(w.failure("\255\16\4Too many")) say(w.failure("\255\21\4#28000no"))
		say(hex(a.native("secret", ("s"):rep(20)))) say(a.native("", "x") == "", a.caching("", "x") == "") say(a.first("mysql_clear_password", "p", "s", false)) say(a.first("mysql_clear_password", "p", "s", true) == "p\0")
		say(a.first("sha256_password", "p", "s", false) == "\1", (a.first("dialog", "p", "s", true))) say(a.sealed("p", "s", "no key") == nil)`),
		fmt.Sprintf(`5 2
250 2
nil 2
513 4
197121 5
4294967297 10
false true
false true
false true
false true
false true
false true
1 0
1 250
3 251
3 65535
4 65536
ab 4
b 3
98badcfe 563412
Too many 1040 nil
no 1045 28000
%x
true true
nil the server wants the password in the clear: use ssl
true
true nil
true`, nativeProof("secret", strings.Repeat("s", 20))))
}

func nativeProof(password, scramble string) []byte {
	one := sha1.Sum([]byte(password))
	two := sha1.Sum(one[:])
	mask := sha1.Sum(append([]byte(scramble), two[:]...))
	for i := range one {
		one[i] ^= mask[i]
	}
	return one[:]
}
