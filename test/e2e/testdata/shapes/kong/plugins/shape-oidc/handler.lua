-- An OpenID Connect client: login at the provider, session in an encrypted cookie, ID token checked with the provider's keys.
local http = require "resty.http"
local cjson = require "cjson.safe"
local pkey = require "resty.openssl.pkey"
local cipher = require "resty.openssl.cipher"
local digest = require "resty.openssl.digest"
local rand = require "resty.openssl.rand"
local b64 = require "ngx.base64"

local P = { PRIORITY = 1050, VERSION = "1.0.0" }

local function get_json(url)
  local res, err = http.new():request_uri(url, { ssl_verify = false })
  if not res then return nil, err end
  return cjson.decode(res.body)
end

local function seal(conf, t)
  local d = digest.new("sha256")
  local key, iv = d:final(conf.secret), rand.bytes(12)
  local c = cipher.new("aes-256-gcm")
  local text = assert(c:encrypt(key, iv, cjson.encode(t), false, "session"))
  return b64.encode_base64url(iv .. c:get_aead_tag(16) .. text)
end

local function open(conf, cookie)
  local raw = cookie and b64.decode_base64url(cookie)
  if not raw or #raw < 29 then return nil end
  local key = digest.new("sha256"):final(conf.secret)
  local text = cipher.new("aes-256-gcm"):decrypt(key, raw:sub(1, 12), raw:sub(29), false, "session", raw:sub(13, 28))
  return text and cjson.decode(text)
end

local function check(conf, jwt, keys, nonce)
  local head, body, sig = jwt:match("^([^.]+)%.([^.]+)%.([^.]+)$")
  if not head then return nil, "not a JWT" end
  local header, claims = cjson.decode(b64.decode_base64url(head)), cjson.decode(b64.decode_base64url(body))
  for _, jwk in ipairs(keys.keys) do
    if jwk.kid == header.kid then
      local key, err = pkey.new(cjson.encode(jwk), { format = "JWK" })
      if not key then return nil, err end
      if not key:verify(b64.decode_base64url(sig), head .. "." .. body, "sha256") then return nil, "bad signature" end
      if claims.iss ~= conf.issuer or claims.aud ~= conf.client_id or claims.exp < ngx.time() or claims.nonce ~= nonce then return nil, "bad claims" end
      return claims
    end
  end
  return nil, "unknown key"
end

function P:access(conf)
  local session = open(conf, ngx.var.cookie_session)
  if session and session.sub then
    kong.service.request.set_header("X-Userinfo", ngx.encode_base64(cjson.encode { sub = session.sub }))
    return
  end
  local meta = assert(kong.cache:get("oidc:" .. conf.issuer, nil, get_json, conf.issuer .. "/.well-known/openid-configuration"))
  local query = kong.request.get_query()
  if query.code then
    if not session or session.state ~= query.state then return kong.response.exit(400, { message = "state does not match" }) end
    local res, err = http.new():request_uri(meta.token_endpoint, { method = "POST", headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
      body = ngx.encode_args { grant_type = "authorization_code", code = query.code, client_id = conf.client_id } })
    if not res then return kong.response.exit(502, { message = err }) end
    local keys = assert(kong.cache:get("jwks:" .. conf.issuer, nil, get_json, meta.jwks_uri))
    local claims
    claims, err = check(conf, cjson.decode(res.body).id_token, keys, session.nonce)
    if not claims then return kong.response.exit(401, { message = err }) end
    kong.response.set_header("Set-Cookie", "session=" .. seal(conf, { sub = claims.sub }) .. "; Path=/; HttpOnly")
    return kong.response.exit(302, nil, { Location = kong.request.get_path() })
  end
  local state, nonce = b64.encode_base64url(rand.bytes(12)), b64.encode_base64url(rand.bytes(12))
  kong.response.set_header("Set-Cookie", "session=" .. seal(conf, { state = state, nonce = nonce }) .. "; Path=/; HttpOnly")
  return kong.response.exit(302, nil, { Location = meta.authorization_endpoint .. "?" .. ngx.encode_args { client_id = conf.client_id,
    response_type = "code", scope = "openid", state = state, nonce = nonce } })
end

return P
