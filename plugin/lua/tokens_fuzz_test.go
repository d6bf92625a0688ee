package lua

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

// FuzzTokens gives a text to what reads tokens, keys and session cookies. None
// may fail but by its result, and nothing that is made up is ever verified.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"", "a.b.c", rfc7515, "a.b.c.d.e", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA", "eyJhbGciOiJIUzI1NiJ9.e30.", "....",
		`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, `{"kty":"OKP","crv":"Ed25519","x":"AA"}`, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", strings.Repeat("A", 110), "AQ" + strings.Repeat("A", 200)} {
		f.Add(s)
	}
	s := newStage(f, Options{})
	all := s.start(s.plugin("fuzz", `local input = native.op "test.input"
local jwt, keys, cookie, rsa, evp = require "resty.jwt", require "gibbon.keys", require "gibbon.session_cookie", require "resty.rsa", require "resty.evp"
function P:access()
  local s = native.ask(input)
  for _, key in ipairs { "secret", ("k"):rep(16), s } do
    local t = jwt:load_jwt(s, key)
    assert(type(t.valid) == "boolean" and t.verified == false)
    t = jwt:verify(key, s)
    if t.verified and t.header.alg ~= "dir" and key ~= s then error("verified: " .. s) end
  end
  jwt:verify(s, "eyJhbGciOiJSUzI1NiJ9.e30.AAAA") jwt:verify(s, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA")
  keys.public(s) keys.private(s) rsa:new { public_key = s } evp.Cert:new(s) evp.RSAVerifier:new(s)
  local meta = cookie.read(s)
  if meta then
    assert(not cookie.authentic(meta, { "secret" }, "name"))
    cookie.open(meta, "secret", "name", meta.data)
  end
end`))
	s.lines()
	e := pdktest.New(f, "GET /a/b?x=1 HTTP/1.1\nHost: h.test\n")
	k := e.Kong
	k.Gateway, k.Worker = s.gw, s.w
	f.Fuzz(func(t *testing.T, text string) {
		k.Phase, fuzzInput = phase.Access, text
		if s.rt.Run(k, phase.Access, all) != plugin.Continue {
			t.Fatal(s.lines())
		}
	})
}
