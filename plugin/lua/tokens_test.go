package lua

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keyring has a key of each kind as PEM.
type keyring struct {
	rsa     *rsa.PrivateKey
	ec      map[string]*ecdsa.PrivateKey
	ed      ed25519.PrivateKey
	cert    string
	pemOf   map[string]string // private, by algorithm's kind
	public  map[string]string
	cafile  string
	chained []string // x5c, base64
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func newKeyring(t *testing.T) *keyring {
	k := &keyring{ec: map[string]*ecdsa.PrivateKey{}, pemOf: map[string]string{}, public: map[string]string{}}
	put := func(kind string, key crypto.Signer) {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		pub, _ := x509.MarshalPKIXPublicKey(key.Public())
		k.pemOf[kind], k.public[kind] = pemText("PRIVATE KEY", der), pemText("PUBLIC KEY", pub)
	}
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	put("RS", k.rsa)
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		k.ec[alg], _ = ecdsa.GenerateKey(curve, rand.Reader)
		put(alg, k.ec[alg])
	}
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	put("EdDSA", k.ed)

	caKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &k.rsa.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	k.cert, k.chained = pemText("CERTIFICATE", der), []string{base64.StdEncoding.EncodeToString(der)}
	k.cafile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(k.cafile, []byte(pemText("CERTIFICATE", caDER)), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

func raw64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

func (k *keyring) digest(alg, text string) (crypto.Hash, []byte) {
	h := hashes[alg[2:]]
	d := h.New()
	d.Write([]byte(text))
	return h, d.Sum(nil)
}

// sign makes a token in Go.
func (k *keyring) sign(t *testing.T, alg string, claims map[string]any, more map[string]any) string {
	t.Helper()
	header := map[string]any{"typ": "JWT", "alg": alg}
	for n, v := range more {
		header[n] = v
	}
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	text := raw64(h) + "." + raw64(c)
	var sig []byte
	var err error
	switch alg[:2] {
	case "HS":
		m := hmac.New(hashes[alg[2:]].New, []byte("secret"))
		m.Write([]byte(text))
		sig = m.Sum(nil)
	case "RS":
		hash, d := k.digest(alg, text)
		sig, err = rsa.SignPKCS1v15(rand.Reader, k.rsa, hash, d)
	case "PS":
		hash, d := k.digest(alg, text)
		sig, err = rsa.SignPSS(rand.Reader, k.rsa, hash, d, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES":
		_, d := k.digest(alg, text)
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, k.ec[alg], d)
		n := (k.ec[alg].Params().BitSize + 7) / 8
		sig = append(r.FillBytes(make([]byte, n)), s.FillBytes(make([]byte, n))...)
	case "Ed":
		sig = ed25519.Sign(k.ed, []byte(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + raw64(sig)
}

// verifies says whether Go accepts a token that Lua made.
func (k *keyring) verifies(alg, token string) bool {
	at := strings.LastIndexByte(token, '.')
	text := token[:at]
	sig, _ := base64.RawURLEncoding.DecodeString(token[at+1:])
	switch alg[:2] {
	case "HS":
		m := hmac.New(hashes[alg[2:]].New, []byte("secret"))
		m.Write([]byte(text))
		return hmac.Equal(sig, m.Sum(nil))
	case "RS":
		hash, d := k.digest(alg, text)
		return rsa.VerifyPKCS1v15(&k.rsa.PublicKey, hash, d, sig) == nil
	case "PS":
		hash, d := k.digest(alg, text)
		return rsa.VerifyPSS(&k.rsa.PublicKey, hash, d, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case "ES":
		_, d := k.digest(alg, text)
		n := len(sig) / 2
		return n == (k.ec[alg].Params().BitSize+7)/8 && ecdsa.Verify(&k.ec[alg].PublicKey, d, new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:]))
	}
	return ed25519.Verify(k.ed.Public().(ed25519.PublicKey), []byte(text), sig)
}

func kindOf(alg string) string {
	switch alg[:2] {
	case "RS", "PS":
		return "RS"
	}
	return alg
}

var signatures = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// TestTokenSignatures lets Lua verify what Go signs and Go what Lua signs, with each algorithm.
func TestTokenSignatures(t *testing.T) {
	k := newKeyring(t)
	var body, want strings.Builder
	body.WriteString("local jwt = require 'resty.jwt' local t\n")
	for _, alg := range signatures {
		private, public := "secret", "secret"
		if alg[:2] != "HS" {
			private, public = k.pemOf[kindOf(alg)], k.public[kindOf(alg)]
		}
		token := k.sign(t, alg, map[string]any{"sub": "ada"}, nil)
		at := strings.LastIndexByte(token, '.')
		other := "AA"
		if token[at+1:at+3] == other {
			other = "BB"
		}
		bad := token[:at+1] + other + token[at+3:]
		fmt.Fprintf(&body, "t = jwt:verify(%q, %q) say(%q, t.valid, t.verified, t.payload.sub, t.reason)\n", public, token, alg)
		fmt.Fprintf(&body, "t = jwt:verify(%q, %q) say(t.verified, (t.reason:gsub(':.*', '')))\n", public, bad)
		fmt.Fprintf(&body, "say('made', jwt:sign(%q, { header = { typ = 'JWT', alg = %q }, payload = { sub = 'ada' } }))\n", private, alg)
		reason := "Verification failed"
		if alg[:2] == "HS" {
			reason = "signature mismatch"
		}
		fmt.Fprintf(&want, "%s true true ada everything is awesome~ :p\nfalse %s\n", alg, reason)
	}
	fmt.Fprintf(&body, "t = jwt:verify(%q, %q) say('cert', t.verified)", k.cert, k.sign(t, "RS256", map[string]any{}, nil))
	want.WriteString("cert true")
	var rest []string
	n := 0
	for _, line := range strings.Split(strings.TrimSpace(inAccess(t, body.String())), "\n") {
		token, made := strings.CutPrefix(line, "made ")
		if !made {
			rest = append(rest, line)
			continue
		}
		if alg := signatures[n]; !k.verifies(alg, token) {
			t.Errorf("%s: Go refuses %s", alg, token)
		}
		n++
	}
	expect(t, strings.Join(rest, "\n"), want.String())
}

const rfc7515 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func TestTokens(t *testing.T) {
	k := newKeyring(t)
	hs := func(claims map[string]any) string { return k.sign(t, "HS256", claims, nil) }
	now := time.Now().Unix()
	for _, c := range []struct{ name, body, want string }{
		{"rfc 7515 A.1", `local key = ngx.decode_base64(("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==" ):gsub("-", "+"):gsub("_", "/"))
			local o = jwt:verify(key, "` + rfc7515 + `", {}) say(o.verified, o.payload.iss, o.payload.exp, o.raw_header, o.signature)
			o = jwt:verify(key, "` + rfc7515 + `") say(o.valid, o.verified, o.reason)`,
			"true joe 1300819380 eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9 dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\ntrue false 'exp' claim expired at Tue, 22 Mar 2011 18:43:00 GMT"},
		{"malformed", `for _, s in ipairs { "", "a", "a.b", "a.b.c.d", "!.e30.x", "e30.!.x", "e30.e30.x", "bnVsbA.e30.x", "a.b.c.d.e", "1.2.3.4.5.6" } do local o = jwt:load_jwt(s) say(o.valid, o.verified, o.reason) end
			say(jwt:load_jwt(nil).reason, jwt:verify("k", 5).valid)`,
			"false false invalid jwt string\nfalse false invalid jwt string\nfalse false invalid jwt string\nfalse false invalid jwt string\nfalse false invalid header: !\nfalse false invalid payload: !\nfalse false invalid header: no alg\nfalse false invalid header: bnVsbA\nfalse false invalid header: a\nfalse false invalid jwt string\ninvalid jwt string false"},
		{"none", `local o = jwt:load_jwt("` + raw64([]byte(`{"alg":"none"}`)) + `.e30.") say(o.valid, o.header.alg, o.signature == "") o = jwt:verify_jwt_obj("k", o) say(o.verified, o.reason)
			say(select(2, pcall(jwt.sign, jwt, "k", { header = { alg = "none" }, payload = {} })).reason)`, "true none true\nfalse unsupported alg: none\nunsupported alg: none"},
		{"whitelist", `jwt:set_alg_whitelist { RS256 = 1 } local o = jwt:verify("secret", "` + hs(map[string]any{}) + `") say(o.verified, o.reason) jwt:set_alg_whitelist(nil) say(jwt:verify("secret", "` + hs(map[string]any{}) + `").verified)`,
			"false whitelist unsupported alg: HS256\ntrue"},
		{"confusion", `local public = [[` + k.public["RS"] + `]] say(jwt:verify(public, "` + hs(map[string]any{}) + `").reason) say((jwt:verify(public, "` + k.sign(t, "ES256", map[string]any{}, nil) + `").reason))
			say((jwt:verify("no key", "` + k.sign(t, "RS256", map[string]any{}, nil) + `").reason:gsub(": .*", "")))`,
			"a public key is no secret for HS256\nDecode secret is not a valid cert/public key: the key is not of the kind that ES256 needs\nDecode secret is not a valid cert/public key"},
		{"key by kid", `local function key(kid) if kid == "k1" then return "secret" end if kid == "k2" then return nil, "revoked" end end
			local o = jwt:verify(key, "` + k.sign(t, "HS256", map[string]any{}, map[string]any{"kid": "k1"}) + `") say(o.verified, o.kid)
			say(jwt:verify(key, "` + k.sign(t, "HS256", map[string]any{}, map[string]any{"kid": "k2"}) + `").reason) say(jwt:verify(key, "` + k.sign(t, "HS256", map[string]any{}, map[string]any{"kid": "k3"}) + `").reason)
			say(jwt:verify(key, "` + hs(map[string]any{}) + `").reason)`,
			"true k1\nrevoked\nno key found for kid: k3\nfunction as key is not supported without kid"},
		{"x5c", `local token = "` + k.sign(t, "RS256", map[string]any{"a": 1}, map[string]any{"x5c": k.chained}) + `" say(jwt:verify(nil, token).reason) jwt:set_trusted_certs_file("` + k.cafile + `")
			say(jwt:verify(nil, token).verified) jwt:set_trusted_certs_file("/etc/hostname") say((jwt:verify(nil, token).reason:gsub(": .*", ""))) jwt:set_trusted_certs_file(nil)`,
			"No trusted certs loaded\ntrue\nCert used to sign the JWT isn't trusted"},
		{"x5u", `jwt:set_trusted_certs_file("` + k.cafile + `") local token = "` + k.sign(t, "RS256", map[string]any{}, map[string]any{"x5u": "https://a.test/c"}) + `" say(jwt:verify(nil, token).reason)
			jwt:set_x5u_content_retriever(function(url) return url == "https://a.test/c" and [[` + k.cert + `]] end) say(jwt:verify(nil, token).verified) jwt:set_trusted_certs_file(nil)`,
			"Cannot retrieve the x5u certificate: no retriever is set\ntrue"},
		{"legacy options", fmt.Sprintf(`local token = %q say(jwt:verify("secret", token, { lifetime_grace_period = 0 }).reason:match("^'exp' claim expired")) say(jwt:verify("secret", token, { lifetime_grace_period = 60 }).verified)
			say(jwt:verify("secret", %q, { require_nbf_claim = true }).reason) say(jwt:verify("secret", token, { valid_issuers = { "b" } }).reason) say(jwt:verify("secret", token, { valid_issuers = { "a" }, lifetime_grace_period = 60 }).verified)
			say(jwt:verify("secret", %q, { lifetime_grace_period = 1 }).reason) say(pcall(jwt.verify, jwt, "secret", token, { lifetime_grace_period = -1 }))`,
			hs(map[string]any{"exp": now - 5, "iss": "a"}), hs(map[string]any{"exp": now + 60}), hs(map[string]any{})),
			"'exp' claim expired\ntrue\n'nbf' claim is required.\nClaim 'iss' ('a') returned failure\ntrue\nMissing one of claims - [ nbf, exp ].\nfalse table"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := inAccess(t, `local jwt = require "resty.jwt" require("resty.jwt-validators").set_system_leeway(0) local print = say
				local function say(...) local t = { ... } for i = 1, select("#", ...) do if type(t[i]) == "table" then t[i] = "table" end end print(unpack(t, 1, select("#", ...))) end `+c.body)
			expect(t, strings.TrimSpace(got), c.want)
		})
	}
}

// TestTokenValidators calls each validator with a value that it takes and one that it does not.
func TestTokenValidators(t *testing.T) {
	got := inAccess(t, `local v = require "resty.jwt-validators" v.set_system_clock(function() return 1000 end) v.set_system_leeway(10)
		local function try(name, fn, ...)
			local out = {}
			for i = 1, select("#", ...) do local ok, r = pcall(fn, (select(i, ...)), "c", '{"payload":{"a":1}}') out[i] = ok and tostring(r) or type(r) == "table" and r.reason or r end
			say(name, table.concat(out, "|"))
		end
		try("equals", v.equals("a"), "a", "b", nil) try("opt_equals", v.opt_equals("a"), "a", "b", nil)
		try("matches", v.matches("^a"), "ab", "b", 5) try("required", v.required(), 1, nil) try("required", v.required(v.equals(1)), 1, 2)
		try("greater_than", v.greater_than(1), 2, 1, "x") try("greater_than_or_equal", v.greater_than_or_equal(1), 1, 0) try("less_than", v.less_than(1), 0, 1)
		try("less_than_or_equal", v.opt_less_than_or_equal(1), 1, 2, nil)
		try("any_of", v.any_of({ 1, 2 }, function(a, b) return a == b * 10 end), 20, 2) try("equals_any_of", v.equals_any_of { "a", "b" }, "b", "c") try("matches_any_of", v.matches_any_of { "^a", "b$" }, "xb", "c")
		try("contains_any_of", v.contains_any_of { "a" }, { "x", "a" }, { "x" }, "a") try("contains_any_of", v.opt_contains_any_of({ "^a" }, function(x, p) return x:find(p) ~= nil end), { "x", "ab" }, nil)
		try("not_before", v.is_not_before(), 1010, 1011, -1, "x", nil) try("not_expired", v.opt_is_not_expired(), 991, 990, nil) try("is_at", v.is_at(), 990, 1010, 1011)
		try("chain", v.chain(v.required(), v.equals(1)), 1, 2) try("one_of", v.require_one_of { "a", "b" }, 1) try("one_of", v.require_one_of { "x", "y" }, 1)
		try("check", v.check(3, function(a, b) return a > b end, "bigger", "number"), 4, 3, "x") say(pcall(v.matches)) say(pcall(v.set_system_leeway, -1))
		v.set_system_clock(ngx.time) v.set_system_leeway(0)`)
	expect(t, strings.TrimSpace(got), `equals true|false|'c' claim is required.
opt_equals true|false|true
matches true|false|'c' is malformed.  Expected to be a string.
required true|'c' claim is required.
required true|false
greater_than true|false|'c' is malformed.  Expected to be a number.
greater_than_or_equal true|false
less_than true|false
less_than_or_equal true|false|true
any_of true|false
equals_any_of true|false
matches_any_of true|false
contains_any_of true|false|'c' is malformed.  Expected to be a table.
contains_any_of true|true
not_before true|'c' claim not valid until Thu, 01 Jan 1970 00:16:51 GMT|'c' is malformed.  Expected to be a positive numeric value.|'c' is malformed.  Expected to be a positive numeric value.|'c' claim is required.
not_expired true|'c' claim expired at Thu, 01 Jan 1970 00:16:30 GMT|true
is_at true|true|'c' claim is only valid at Thu, 01 Jan 1970 00:16:51 GMT
chain true|false
one_of true
one_of Missing one of claims - [ x, y ].
check true|false|'c' is malformed.  Expected to be a number.
false Expected argument #1 of matches to be a value, got nil
false leeway is expected to be a non-negative number.`)
}

// encrypted makes a JWE in Go: by RSA-OAEP or with the key itself, in GCM or CBC with a tag.
func (k *keyring) encrypted(t *testing.T, alg, enc string, key, text []byte) string {
	t.Helper()
	header := raw64(fmt.Appendf(nil, `{"alg":%q,"enc":%q,"typ":"JWE"}`, alg, enc))
	var wrapped []byte
	var err error
	switch alg {
	case "RSA-OAEP":
		wrapped, err = rsa.EncryptOAEP(sha1.New(), rand.Reader, &k.rsa.PublicKey, key, nil)
	case "RSA-OAEP-256":
		wrapped, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &k.rsa.PublicKey, key, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	var iv, out, tag []byte
	if strings.HasSuffix(enc, "GCM") {
		b, _ := aes.NewCipher(key)
		g, _ := cipher.NewGCM(b)
		iv = make([]byte, 12)
		sealed := g.Seal(nil, iv, text, []byte(header))
		out, tag = sealed[:len(sealed)-16], sealed[len(sealed)-16:]
	} else {
		h := len(key) / 2
		b, _ := aes.NewCipher(key[h:])
		iv = make([]byte, 16)
		pad := 16 - len(text)%16
		out = append(append([]byte(nil), text...), []byte(strings.Repeat(string(rune(pad)), pad))...)
		cipher.NewCBCEncrypter(b, iv).CryptBlocks(out, out)
		hash := sha256.New
		if len(key) == 64 {
			hash = sha512.New
		}
		m := hmac.New(hash, key[:h])
		m.Write([]byte(header))
		m.Write(iv)
		m.Write(out)
		_ = binary.Write(m, binary.BigEndian, uint64(len(header))*8)
		tag = m.Sum(nil)[:h]
	}
	return strings.Join([]string{header, raw64(wrapped), raw64(iv), raw64(out), raw64(tag)}, ".")
}

func TestEncryptedTokens(t *testing.T) {
	k := newKeyring(t)
	var body, want strings.Builder
	fmt.Fprintf(&body, "local jwt, o, s = require 'resty.jwt' local private, public = [[%s]], [[%s]]\n", k.pemOf["RS"], k.public["RS"])
	for _, c := range []struct {
		alg, enc string
		size     int
	}{{"dir", "A128CBC-HS256", 32}, {"dir", "A256CBC-HS512", 64}, {"dir", "A128GCM", 16}, {"dir", "A256GCM", 32}, {"RSA-OAEP", "A256GCM", 32},
		{"RSA-OAEP", "A128CBC-HS256", 32}, {"RSA-OAEP-256", "A256GCM", 32}, {"RSA-OAEP-256", "A128CBC-HS256", 32}} {
		key := []byte(strings.Repeat("k", c.size))
		token := k.encrypted(t, c.alg, c.enc, key, []byte(`{"sub":"ada"}`))
		secret, sender := fmt.Sprintf("%q", key), fmt.Sprintf("%q", key)
		if c.alg != "dir" {
			secret, sender = "private", "public"
		}
		fmt.Fprintf(&body, "o = jwt:verify(%s, %q) say(%q, %q, o.valid, o.verified, type(o.payload) == 'table' and o.payload.sub, o.reason)\n", secret, token, c.alg, c.enc)
		fmt.Fprintf(&body, "s = jwt:sign(%s, { header = { typ = 'JWE', alg = %q, enc = %q }, payload = { n = 1, exp = 5 } }) o = jwt:load_jwt(s, %s) say(o.valid, o.payload.n) say(jwt:verify_jwt_obj(%s, o).verified)\n", sender, c.alg, c.enc, secret, secret)
		fmt.Fprintf(&body, "o = jwt:load_jwt(s:sub(1, -2) .. (s:sub(-1) == 'A' and 'B' or 'A'):rep(1), %s) o = jwt:load_jwt(s:gsub('%%.[^.]*$', '.AAAAAAAAAAAAAAAAAAAAAA'), %s) say(o.valid, o.reason)\n", secret, secret)
		fmt.Fprintf(&want, "%s %s true true ada everything is awesome~ :p\ntrue 1\nfalse\nfalse failed to decrypt\n", c.alg, c.enc)
	}
	body.WriteString(`say(jwt:load_jwt(s).reason) say(select(2, pcall(jwt.sign, jwt, "short", { header = { typ = "JWE", alg = "dir", enc = "A256GCM" }, payload = {} })).reason)
		say(select(2, pcall(jwt.sign, jwt, "short", { header = { typ = "JWE", alg = "PBES2", enc = "A256GCM" }, payload = {} })).reason)`)
	want.WriteString("no key to decrypt the token with\ninvalid key length: A256GCM needs 32 bytes\nunsupported alg: PBES2")
	expect(t, strings.TrimSpace(inAccess(t, body.String())), want.String())
}

func TestEVPAndRSA(t *testing.T) {
	k := newKeyring(t)
	got := inAccess(t, fmt.Sprintf(`local evp, rsa = require "resty.evp", require "resty.rsa" local private, public, cert = [[%s]], [[%s]], [[%s]]
		local s = assert(evp.RSASigner:new(private)) local sig = s:sign("m", evp.CONST.SHA256_DIGEST) local v = assert(evp.RSAVerifier:new(public)) say(v:verify("m", sig, "SHA256")) say(v:verify("x", sig, "SHA256"))
		local c = assert(evp.Cert:new(cert)) say(#c:get_fingerprint("SHA1"), evp.RSAVerifier:new(c):verify("m", sig, "SHA256"), c:verify_trust("%s")) say((evp.RSASigner:new("x"))) say(s:sign("m", "nope"))
		local e = evp.RSAEncryptor:new(public) local d = evp.RSADecryptor:new(private) say(d:decrypt(e:encrypt("text")))
		local es = evp.ECSigner:new([[%s]]) local raw = es:get_raw_sig(es:sign("m", "SHA256")) say(#raw, evp.ECVerifier:new([[%s]]):verify("m", raw, "SHA256"))
		local p, q = rsa:generate_rsa_keys(1024) say(p:match("^[^\n]*"), q:match("^[^\n]*")) local a, b = assert(rsa:new { public_key = p, algorithm = "SHA256" }), assert(rsa:new { private_key = q, algorithm = "SHA256" })
		say(b:decrypt(a:encrypt("text")), a:verify("m", b:sign("m"))) say(a:verify("m", "x")) say(a:sign("m")) say(rsa:new { public_key = p, algorithm = "nope" })`,
		k.pemOf["RS"], k.public["RS"], k.cert, k.cafile, k.pemOf["ES256"], k.public["ES256"]))
	expect(t, strings.TrimSpace(got), `true
false Verification failed
40 true true
nil
nil unsupported digest: nope
text
64 true
-----BEGIN RSA PUBLIC KEY----- -----BEGIN RSA PRIVATE KEY-----
text true
false verification failed
nil not inited for sign
nil Unknown message digest`)
}

// TestUsersModulesFirst: what the reference does not ship is taken from the user's path where that has it.
func TestUsersModulesFirst(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "resty"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"jwt", "http"} {
		if err := os.WriteFile(filepath.Join(dir, "resty", name+".lua"), []byte(`return "the user's"`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := inAccess(t, fmt.Sprintf(`package.path = "%s/?.lua;" .. package.path say(type(require "resty.http"), require "resty.jwt", type(require "resty.rsa"))`, dir))
	expect(t, strings.TrimSpace(got), "table the user's table")
}
