-- Whose signature is on a token: the keys of an OpenID provider, those of opts, and the checks of tokens and their claims.
local cjson = require "cjson.safe"
local jwt = require "resty.jwt"
local validators = require "resty.jwt-validators"
local jws = require "gibbon.jws"
local calls = require "gibbon.oidc_http"
local native = require "gibbon.native"

local type, tostring, ipairs, next, ngx = type, tostring, ipairs, next, ngx

local M = {}

local function is_list(v, wanted)
  if v == wanted then return true end
  if type(v) == "table" then
    for _, one in ipairs(v) do
      if one == wanted then return true end
    end
  end
  return false
end
M.is_list = is_list

-- ---- JWK sets ----

local FAMILY = { RS = "RSA", PS = "RSA", ES = "EC", Ed = "OKP" }

-- pick finds the key for a kid and an algorithm.
local function pick(set, kid, alg)
  local kty, found, n = FAMILY[alg:sub(1, 2)], nil, 0
  for _, k in ipairs(set.keys or {}) do
    if type(k) == "table" and k.use ~= "enc" and (k.kty == nil or k.kty == kty) then
      if kid ~= nil and k.kid == kid then return k end
      if k.kid == nil or kid == nil then
        found, n = k, n + 1
      end
    end
  end
  if n == 1 then return found end
  if kid == nil and n > 1 then return nil, "the token has no kid, and there is more than one key" end
  return nil, "RSA key with id " .. tostring(kid) .. " not found"
end

local function text_of(k)
  if k.x5c and type(k.x5c) == "table" and type(k.x5c[1]) == "string" and not (k.n or k.x) then
    return "-----BEGIN CERTIFICATE-----\n" .. k.x5c[1]:gsub("%s", ""):gsub(("."):rep(64), "%0\n") .. "\n-----END CERTIFICATE-----\n"
  end
  -- the public part alone
  return cjson.encode { kty = k.kty, n = k.n, e = k.e, crv = k.crv, x = k.x, y = k.y }
end

-- REFETCH: unknown key ids make the set be asked for anew at most once in this many seconds.
local REFETCH = 5

-- key(opts, header): the text of the provider's key for a token's header.
function M.key(opts, header)
  local ok, err = calls.discover(opts)
  if not ok then return nil, err end
  local d = opts.discovery
  if type(d.keys) == "table" then -- a discovery document that brings its keys
    local k
    k, err = pick(d, header.kid, header.alg)
    if not k then return nil, err end
    return text_of(k)
  end
  local url = d.jwks_uri
  if not url then return nil, "the discovery document has no jwks_uri" end
  local ttl = opts.jwk_expires_in or 86400
  local set, k
  set, err = calls.document(opts, url, "jwks", ttl)
  if not set then return nil, err end
  k, err = pick(set, header.kid, header.alg)
  if not k and calls.allow("jwks", opts, "refetch " .. url, REFETCH) then
    set, err = calls.document(opts, url, "jwks", ttl, true) -- keys are changed from time to time
    if not set then return nil, err end
    k, err = pick(set, header.kid, header.alg)
  end
  if not k then return nil, err end
  return text_of(k)
end

-- ---- signatures ----

local function expected(alg, wanted)
  if wanted == nil then return true end
  if type(wanted) == "string" then return alg == wanted end
  for _, one in ipairs(wanted) do
    if alg == one then return true end
  end
  return false
end

-- decryption_key: encrypted tokens are for the client's key or secret.
local function decryption_key(opts, text)
  local header = jwt:jwt_decode(text:match("^[^.]*"), true)
  if type(header) == "table" and tostring(header.alg):sub(1, 3) == "RSA" then return opts.client_rsa_private_key end
  return opts.client_secret
end

-- load(opts, text, public key, symmetric key, no symmetric keys): the token with a signature that fits; or nil, why not.
-- Without a public key, the provider's keys are asked for.
function M.load(opts, text, public, symmetric, wanted)
  local encrypted = type(text) == "string" and select(2, text:gsub("%.", "")) == 4
  local token = jwt:load_jwt(text, encrypted and decryption_key(opts, text) or nil)
  if token.valid and encrypted and type(token.payload) == "string" then return M.load(opts, token.payload, public, symmetric, wanted) end
  if not token.valid then return nil, "invalid jwt: " .. tostring(token.reason), token end
  if token.internal then return token end
  local alg = token.header.alg
  if not expected(alg, wanted) then return nil, 'token is signed by unexpected algorithm "' .. tostring(alg) .. '"', token end
  if alg == "none" then
    if opts.accept_none_alg then return token end
    return nil, "token uses \"none\" alg, but accept_none_alg is not enabled", token
  end
  if not jws.algorithms[alg] then
    if opts.accept_unsupported_alg == false then return nil, "token is signed using unsupported algorithm \"" .. tostring(alg) .. "\"", token end
    ngx.log(ngx.WARN, "openidc: the signature of a token is not checked: unsupported algorithm ", alg)
    return token, nil, token, true
  end
  local key, err
  if alg:sub(1, 2) == "HS" then
    key, err = symmetric, "there is no symmetric key to check the token with"
  elseif public then
    key = type(public) == "table" and public[token.header.kid or ""] or public
    if type(key) == "table" then
      local _, first = next(key)
      key = first
    end
  else
    key, err = M.key(opts, token.header)
  end
  if not key then return nil, err, token end
  token = jwt:verify_jwt_obj(key, token, {})
  if not token.verified then return nil, "jwt signature verification failed: " .. tostring(token.reason), token end
  return token
end

-- ---- claims ----

local function slack(opts) return opts.iat_slack or 120 end

-- id_token_fits: true, or nil and what is wrong with an id token's claims (OpenID Connect Core 3.1.3.7).
function M.id_token_fits(opts, claims, nonce)
  local now, issuer = ngx.time(), opts.discovery.issuer
  if issuer and claims.iss ~= issuer then
    return nil, 'issuer "' .. tostring(claims.iss) .. '" in id_token is not equal to the issuer from the discovery document "' .. tostring(issuer) .. '"'
  end
  if not claims.sub then return nil, 'no "sub" claim found in id_token' end
  if nonce ~= nil and claims.nonce == nil then return nil, 'no "nonce" claim found in id_token' end
  if nonce ~= nil and claims.nonce ~= nonce then
    return nil, 'nonce "' .. tostring(claims.nonce) .. '" in id_token is not equal to the nonce that was sent in the request "' .. nonce .. '"'
  end
  if type(claims.iat) ~= "number" then return nil, 'no "iat" claim found in id_token' end
  if claims.iat > now + slack(opts) then
    return nil, "id_token not yet valid: id_token.iat=" .. claims.iat .. ", ngx.time()=" .. now .. ", iat_slack=" .. slack(opts)
  end
  if type(claims.exp) ~= "number" then return nil, 'no "exp" claim found in id_token' end
  if claims.exp + slack(opts) < now then return nil, "token expired: id_token.exp=" .. claims.exp .. ", ngx.time()=" .. now end
  if claims.aud == nil then return nil, 'no "aud" claim found in id_token' end
  if not is_list(claims.aud, opts.client_id) then
    local shown = type(claims.aud) == "table" and cjson.encode(claims.aud) or tostring(claims.aud)
    return nil, "token audience does not match: id_token.aud=" .. shown .. ", opts.client_id=" .. tostring(opts.client_id)
  end
  if type(claims.aud) == "table" and #claims.aud > 1 and claims.azp ~= nil and claims.azp ~= opts.client_id then
    return nil, "token authorized party does not match: id_token.azp=" .. tostring(claims.azp) .. ", opts.client_id=" .. tostring(opts.client_id)
  end
  return true
end

-- id_token(opts, text, nonce): the claims of an id token, or nil and why not.
function M.id_token(opts, text, nonce)
  if type(text) ~= "string" then return nil, "there is no id_token in the answer" end
  local token, err = M.load(opts, text, opts.public_key, opts.client_secret, opts.token_signing_alg_values_expected)
  if not token then return nil, err end
  if type(token.payload) ~= "table" then return nil, "id_token has no claims" end
  local ok
  ok, err = M.id_token_fits(opts, token.payload, nonce)
  if not ok then return nil, err end
  return token.payload
end

-- access_token(opts, text, claim validators...): the claims of a token that a client shows. That the signature fits is kept in the cache
-- "jwt_verification"; claims are checked each time.
function M.access_token(opts, text, ...)
  local public, symmetric = opts.public_key, opts.symmetric_key
  if opts.secret then public, symmetric = public or opts.secret, symmetric or opts.secret end
  local from = type(opts.discovery) == "table" and (opts.discovery.issuer or opts.discovery.jwks_uri) or opts.discovery
  local id = native.to_hex(native.digest("sha256", table.concat({ type(public) == "table" and cjson.encode(public) or tostring(public), tostring(symmetric),
    tostring(from), type(opts.token_signing_alg_values_expected) == "table" and cjson.encode(opts.token_signing_alg_values_expected)
    or tostring(opts.token_signing_alg_values_expected), tostring(opts.accept_none_alg), tostring(opts.accept_unsupported_alg), text }, "\0")))
  local token
  local kept = not opts.jwt_verification_cache_ignore and calls.cached("jwt_verification", opts, id)
  if kept then
    token = cjson.decode(kept)
    token.internal, token.valid, token.verified = true, true, false -- its signature has been checked
  else
    local err
    token, err = M.load(opts, text, public, symmetric, opts.token_signing_alg_values_expected)
    if not token then return nil, err end
    local exp = type(token.payload) == "table" and token.payload.exp
    if not opts.jwt_verification_cache_ignore then
      calls.cache("jwt_verification", opts, id, cjson.encode { header = token.header, payload = token.payload }, type(exp) == "number" and exp - ngx.time() or 120)
    end
    token.internal = true
  end
  validators.set_system_leeway(slack(opts))
  token = jwt:verify_jwt_obj("", token, ...)
  if not token.verified then return nil, tostring(token.reason) end
  return token.payload
end

return M
