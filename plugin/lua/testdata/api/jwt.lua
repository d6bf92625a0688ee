-- The JWT parser: what encode makes verifies, anything else does not.
function P:access()
  local jwt = require "kong.plugins.jwt.jwt_parser"
  local pkey = require "resty.openssl.pkey"
  local ks = { HS256 = "secret" }
  local k = pkey.new { type = "RSA" }
  for _, alg in ipairs { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512" } do ks[alg] = k:tostring("private") end
  for alg, curve in pairs { ES256 = "prime256v1", ES384 = "secp384r1", ES512 = "secp521r1" } do ks[alg] = pkey.new({ type = "EC", curve = curve }):tostring("private") end
  ks.EdDSA = pkey.new({ type = "ED25519" }):tostring("private")
  for alg, key in pairs(ks) do
    local token = jwt.encode({ sub = "me", exp = ngx.time() + 60, nbf = ngx.time() - 1 }, key, alg)
    local t = assert(jwt:new(token))
    is(alg, '"' .. alg .. '", "me", true', t.header.alg, t.claims.sub, t:verify_signature(alg == "HS256" and key or pkey.new(key):tostring("public")))
    is("claims", "true, nil", t:verify_registered_claims { "exp", "nbf" })
    t.signature = t.signature:sub(1, -2) .. string.char((t.signature:byte(-1) + 1) % 256)
    is("forged " .. alg, "false", t:verify_signature(alg == "HS256" and key or pkey.new(key):tostring("public")))
  end
  local t = jwt:new(jwt.encode({ exp = 1, nbf = ngx.time() + 100 }, "s"))
  is("expired", 'false, {exp="token expired" nbf="token not valid yet"}', t:verify_registered_claims { "exp", "nbf" })
  is("no claims", 'false, {exp="must be a number"}', jwt:new(jwt.encode({ a = 1 }, "s")):verify_registered_claims { "exp" })
  is("maximum", 'false, {exp="exceeds maximum allowed expiration"}', jwt:new(jwt.encode({ exp = ngx.time() + 1000 }, "s")):check_maximum_expiration(10))
  is("known", "true", jwt:new("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"):verify_signature("your-256-bit-secret"))
  is("garbage", 'nil, "invalid JSON", nil, "invalid JSON"', nil, select(2, jwt:new("a.b.c")), jwt:new("x"))
  is("none", 'nil, "invalid alg"', jwt:new(ngx.encode_base64('{"alg":"none"}', true) .. "." .. ngx.encode_base64("{}", true) .. "."))
  throws("type", "Token must be a string, got nil", jwt.new, jwt, nil)
end
