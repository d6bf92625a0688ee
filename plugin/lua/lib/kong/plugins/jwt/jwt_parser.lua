-- kong.plugins.jwt.jwt_parser: JSON Web Tokens, made and checked.
local native = require "gibbon.native"
local json = require "cjson.safe"
local base64 = require "ngx.base64"

local type, error, tostring, setmetatable, ipairs, time = type, error, tostring, setmetatable, ipairs, ngx.time

local M = {}
M.__index = M

local function base64_decode(s) return base64.decode_base64url((s:gsub("%+", "-"):gsub("/", "_"):gsub("=+$", ""))) end
M.base64_encode = base64.encode_base64url
-- base64_decode(s), and as a method of a parser
function M.base64_decode(s, text) return base64_decode(text or s) end

local PSS = { pss_saltlen = -1 }
local RAW = { ecdsa_use_raw = true }

local function keyed(digest)
  return { sign = function(s, key) return native.hmac(digest, key, s) end,
    verify = function(s, signature, key) return signature == native.hmac(digest, key, s) end }
end

local function pair(digest, padding, options)
  return { sign = function(s, key)
    local k, err = require("resty.openssl.pkey").new(key)
    if not k then return nil, err end
    return k:sign(s, digest, padding, options)
  end, verify = function(s, signature, key)
    local k, err = require("resty.openssl.pkey").new(key)
    if not k then error("Consumer Public Key is Invalid: " .. tostring(err)) end
    return k:verify(signature, s, digest, padding, padding == 6 and nil or options)
  end }
end

local ALGORITHMS = { HS256 = keyed "sha256", HS384 = keyed "sha384", HS512 = keyed "sha512",
  RS256 = pair("sha256", 1), RS384 = pair("sha384", 1), RS512 = pair("sha512", 1),
  PS256 = pair("sha256", 6, PSS), PS384 = pair("sha384", 6, PSS), PS512 = pair("sha512", 6, PSS),
  ES256 = pair("sha256", nil, RAW), ES384 = pair("sha384", nil, RAW), ES512 = pair("sha512", nil, RAW),
  EdDSA = pair() }

-- encode(claims, key, algorithm, header) makes a token.
function M.encode(claims, key, algorithm, header)
  if type(claims) ~= "table" then error("Argument #1 must be table", 2) end
  if type(key) ~= "string" then error("Argument #2 must be string", 2) end
  algorithm = algorithm or "HS256"
  if type(algorithm) ~= "string" then error("Argument #3 must be string", 2) end
  local how = ALGORITHMS[algorithm]
  if not how then error("Algorithm not supported", 2) end
  local input = base64.encode_base64url(json.encode(header or { typ = "JWT", alg = algorithm })) .. "."
    .. base64.encode_base64url(json.encode(claims))
  local signature, err = how.sign(input, key)
  if not signature then return nil, err end
  return input .. "." .. base64.encode_base64url(signature)
end

local function parse(token)
  local header_64, claims_64, signature_64 = token:match("^([^.]*)%.([^.]*)%.([^.]*)$")
  if not header_64 then return nil, "invalid JSON" end
  local h, c = base64_decode(header_64), base64_decode(claims_64)
  local header, claims = h and json.decode(h), c and json.decode(c)
  if type(header) ~= "table" or c and claims == nil then return nil, "invalid JSON" end
  local signature = base64_decode(signature_64)
  if header.typ and (type(header.typ) ~= "string" or header.typ:upper() ~= "JWT") then return nil, "invalid typ" end
  if type(header.alg) ~= "string" or not ALGORITHMS[header.alg] then return nil, "invalid alg" end
  if type(claims) ~= "table" then return nil, "invalid claims" end
  if not signature then return nil, "invalid signature" end
  return { token = token, header_64 = header_64, claims_64 = claims_64, signature_64 = signature_64, header = header, claims = claims,
    signature = signature }
end

function M:new(token)
  if type(token) ~= "string" then error("Token must be a string, got " .. tostring(token), 2) end
  local jwt, err = parse(token)
  if not jwt then return nil, err end
  return setmetatable(jwt, self)
end

function M:get_signing_input() return self.header_64 .. "." .. self.claims_64 end

function M:verify_signature(key) return ALGORITHMS[self.header.alg].verify(self:get_signing_input(), self.signature, key) end

local CLAIMS = {
  nbf = { "number", function(nbf) return nbf > time() and "token not valid yet" end },
  exp = { "number", function(exp) return exp <= time() and "token expired" end },
}

-- verify_registered_claims checks the named claims: true, or false and a table of what is wrong by claim.
function M:verify_registered_claims(names)
  if not names then names = {} end
  local errors
  for _, name in ipairs(names) do
    local check, value = CLAIMS[name], self.claims[name]
    local why
    if type(value) ~= check[1] then why = "must be a " .. check[1] else why = check[2](value) end
    if why then
      errors = errors or {}
      errors[name] = why
    end
  end
  return errors == nil, errors
end

function M:check_maximum_expiration(maximum)
  if maximum <= 0 then return true end
  local exp = self.claims.exp
  if exp == nil or exp - time() > maximum then return false, { exp = "exceeds maximum allowed expiration" } end
  return true
end

return M
