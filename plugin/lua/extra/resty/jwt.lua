-- resty.jwt: JSON Web Tokens, signed and encrypted. A token is a table { raw_header, raw_payload, signature, header, payload, valid,
-- verified, reason }, with kid where the header has one.
local native = require "gibbon.native"
local jws = require "gibbon.jws"
local jwe = require "gibbon.jwe"
local validators = require "resty.jwt-validators"
local cjson = require "cjson.safe"

local type, tostring, pairs, ipairs, select, error, pcall = type, tostring, pairs, ipairs, select, error, pcall
local to64, from64 = native.encode_base64url, native.decode_base64url

local M = { _VERSION = "0.2.3" }

local FINE = "everything is awesome~ :p"
local encode, decode -- of payloads, if a user has set them
local alg_whitelist, trusted_certs_file, x5u_retriever

local function raise(reason) error({ reason = reason }, 0) end

-- ---- settings ----

-- set_alg_whitelist { RS256 = 1 }: what verify takes; nil = all.
function M.set_alg_whitelist(_, algorithms) alg_whitelist = algorithms end

-- set_trusted_certs_file(path): where verify has no secret, the header's certificate (x5c, x5u) gives the key once it is known to be
-- signed by one of these.
function M.set_trusted_certs_file(_, path) trusted_certs_file = path end
M.trusted_certs_file = M.set_trusted_certs_file

-- set_x5u_content_retriever(function(url) return text end)
function M.set_x5u_content_retriever(_, fn)
  if type(fn) ~= "function" then raise("'retriever_function' is expected to be a function") end
  x5u_retriever = fn
end

function M.set_payload_encoder(_, fn)
  if type(fn) ~= "function" then raise("payload encoder must be function") end
  encode = fn
end
function M.set_payload_decoder(_, fn)
  if type(fn) ~= "function" then raise("payload decoder must be function") end
  decode = fn
end

-- ---- text and tables ----

function M.jwt_encode(_, v)
  if type(v) == "table" then v = cjson.encode(v) end
  return to64(v)
end

function M.jwt_decode(_, text, json)
  local v = from64(text)
  if v and json then return cjson.decode(v) end
  return v
end

local function split(text)
  local parts, from = {}, 1
  while true do
    local at = text:find(".", from, true)
    parts[#parts + 1] = text:sub(from, at and at - 1)
    if not at then return parts end
    if #parts > 5 then return parts end
    from = at + 1
  end
end

local function invalid(reason) return { valid = false, verified = false, reason = reason } end

local function object(raw)
  local text = from64(raw)
  local v = text and cjson.decode(text)
  if type(v) ~= "table" then return nil end
  return v
end

local function payload_of(text)
  if decode then return decode(text) end
  local v = cjson.decode(text)
  if type(v) ~= "table" then return nil end
  return v
end

local function load_signed(parts)
  local header = object(parts[1])
  if not header then return invalid("invalid header: " .. parts[1]) end
  local text = from64(parts[2])
  local payload = text and payload_of(text)
  if payload == nil then return invalid("invalid payload: " .. parts[2]) end
  if type(header.alg) ~= "string" then return invalid("invalid header: no alg") end
  return { raw_header = parts[1], raw_payload = parts[2], signature = parts[3], header = header, payload = payload, valid = true, verified = false,
    kid = header.kid }
end

-- key_of gives the secret: itself, or what a function says for the header's kid.
local function key_of(secret, header)
  if type(secret) ~= "function" then return secret end
  if header.kid == nil then return nil, "function as key is not supported without kid" end
  local key, err = secret(header.kid)
  if key == nil then return nil, tostring(err or "no key found for kid: " .. tostring(header.kid)) end
  return key
end

local function load_encrypted(parts, secret)
  local header = object(parts[1])
  if not header then return invalid("invalid header: " .. parts[1]) end
  if not jwe.supports(header.alg) then return invalid("invalid algorithm: " .. tostring(header.alg)) end
  if secret == nil then return invalid("no key to decrypt the token with") end
  local raw = {}
  for i = 2, 5 do
    raw[i] = from64(parts[i])
    if not raw[i] then return invalid("invalid jwt string") end
  end
  local key, err = key_of(secret, header)
  if key == nil then return invalid(err) end
  local text
  text, err = jwe.decrypt(header, key, parts[1], raw[2], raw[3], raw[4], raw[5])
  if not text then return invalid(err) end
  local payload = payload_of(text)
  if payload == nil then
    local nested = split(text)
    if #nested ~= 3 then return invalid("invalid payload") end
    payload = text -- a signed token within (RFC 7519, 5.2)
  end
  return { raw_header = parts[1], header = header, payload = payload, signature = parts[5], valid = true, verified = false, kid = header.kid,
    internal = { iv = raw[3], cipher_text = parts[4], encoded_header = parts[1], key = key, decrypted = true } }
end

-- load_jwt(text, secret) reads a token and does not verify it. secret is for encrypted ones.
function M.load_jwt(_, text, secret)
  if type(text) ~= "string" then return invalid("invalid jwt string") end
  local parts = split(text)
  if #parts == 3 then return load_signed(parts) end
  if #parts == 5 then return load_encrypted(parts, secret) end
  return invalid("invalid jwt string")
end

-- ---- making ----

-- sign(key, { header = { typ =, alg =, enc = }, payload = }): the token; an error is { reason = }.
function M.sign(self, secret, token)
  if type(token) ~= "table" or type(token.header) ~= "table" then raise("invalid jwt_obj: no header") end
  local header = token.header
  local typ = header.typ
  if typ ~= nil and type(typ) ~= "string" then raise("invalid typ: " .. tostring(typ)) end
  local key, err = key_of(secret, header)
  if key == nil and secret ~= nil then raise(err) end
  local raw_header = token.raw_header or self:jwt_encode(header)
  if typ == "JWE" or header.enc then
    local text = encode and encode(token.payload) or type(token.payload) == "table" and cjson.encode(token.payload) or token.payload
    local wrapped, iv, out, tag = jwe.encrypt(header, key, raw_header, text)
    if not wrapped then raise(iv) end
    return table.concat({ raw_header, to64(wrapped), to64(iv), to64(out), to64(tag) }, ".")
  end
  local raw_payload = token.raw_payload
  if not raw_payload then
    local text = token.payload
    if encode then text = encode(text) elseif type(text) == "table" then text = cjson.encode(text) end
    if type(text) ~= "string" then raise("invalid payload: " .. type(text)) end
    raw_payload = to64(text)
  end
  local message = raw_header .. "." .. raw_payload
  local signature
  signature, err = jws.sign(header.alg, key, message)
  if not signature then raise(err) end
  return message .. "." .. to64(signature)
end

-- ---- claims ----

local LEGACY = { valid_issuers = true, lifetime_grace_period = true, require_nbf_claim = true, require_exp_claim = true }

-- from_options makes validators of the options that were there before them.
local function from_options(o)
  local spec = {}
  if o.valid_issuers ~= nil then
    if type(o.valid_issuers) ~= "table" then raise("'valid_issuers' validation option is expected to be a table.") end
    for _, issuer in ipairs(o.valid_issuers) do
      if type(issuer) ~= "string" then raise("'valid_issuers' validation option is expected to be an array of strings.") end
    end
    spec.iss = validators.equals_any_of(o.valid_issuers)
  end
  local grace = o.lifetime_grace_period
  if grace ~= nil then
    if type(grace) ~= "number" then raise("'lifetime_grace_period' validation option is expected to be a number.") end
    if grace < 0 then raise("'lifetime_grace_period' validation option is expected to be greater than or equal to 0.") end
    validators.set_system_leeway(grace)
  end
  for _, name in ipairs { "require_nbf_claim", "require_exp_claim" } do
    if o[name] ~= nil and type(o[name]) ~= "boolean" then raise("'" .. name .. "' validation option is expected to be a boolean.") end
  end
  if o.require_nbf_claim ~= nil or grace ~= nil or o.valid_issuers == nil then
    spec.nbf = o.require_nbf_claim and validators.is_not_before() or validators.opt_is_not_before()
  end
  if o.require_exp_claim ~= nil or grace ~= nil or o.valid_issuers == nil then
    spec.exp = o.require_exp_claim and validators.is_not_expired() or validators.opt_is_not_expired()
  end
  if grace ~= nil and grace > 0 then spec.__jwt = validators.require_one_of { "nbf", "exp" } end
  return spec
end

-- get_default_validation_options gives the options that count when verify gets none.
function M.get_default_validation_options(_, _)
  return { lifetime_grace_period = 0, require_nbf_claim = false, require_exp_claim = false }
end

local function specs(...)
  local list = {}
  for i = 1, select("#", ...) do
    local one = select(i, ...)
    if type(one) == "table" then
      local options, rest
      for k, v in pairs(one) do
        if LEGACY[k] and type(v) ~= "function" then
          options = options or {}
          options[k] = v
        else
          if type(v) ~= "function" then raise("Claim spec value must be a function - see jwt-validators.lua for helper functions") end
          rest = rest or {}
          rest[k] = v
        end
      end
      if options then list[#list + 1] = from_options(options) end
      if rest then list[#list + 1] = rest end
    end
  end
  if select("#", ...) == 0 then list[1] = { nbf = validators.opt_is_not_before(), exp = validators.opt_is_not_expired() } end
  return list
end

-- claims_fit: true, or false and why not.
local function claims_fit(token, ...)
  local list = specs(...)
  local json = cjson.encode { header = token.header, payload = token.payload }
  local payload = type(token.payload) == "table" and token.payload or {}
  for _, spec in ipairs(list) do
    for claim, fn in pairs(spec) do
      local value = payload[claim]
      if claim == "__jwt" then value = token end
      if value == cjson.null then value = nil end
      local ok, result = pcall(fn, value, claim, json)
      if not ok then
        if type(result) == "table" and result.reason then return false, result.reason end
        return false, (tostring(result):gsub("^.-:%d+: ", ""))
      end
      if result == false then
        local shown = claim == "__jwt" and "" or type(value) == "table" and cjson.encode(value) or tostring(value)
        return false, "Claim '" .. claim .. "' ('" .. tostring(shown) .. "') returned failure"
      end
    end
  end
  return true
end

-- ---- verifying ----

local function pem_of(der64)
  local lines = {}
  for i = 1, #der64, 64 do lines[#lines + 1] = der64:sub(i, i + 63) end
  return "-----BEGIN CERTIFICATE-----\n" .. table.concat(lines, "\n") .. "\n-----END CERTIFICATE-----\n"
end

-- header_certificate gives the certificate that the header names, once it is known to be trusted.
local function header_certificate(header)
  local text, chain = nil, {}
  if header.x5c then
    if type(header.x5c) ~= "table" or type(header.x5c[1]) ~= "string" then return nil, "Malformed x5c header" end
    for i = 2, #header.x5c do chain[#chain + 1] = pem_of(tostring(header.x5c[i])) end
    text = pem_of(header.x5c[1])
  elseif header.x5u then
    if not x5u_retriever then return nil, "Cannot retrieve the x5u certificate: no retriever is set" end
    local ok, got = pcall(x5u_retriever, header.x5u)
    if not ok or type(got) ~= "string" then return nil, "Error reading x5u: " .. tostring(got) end
    text = got
  else
    return nil, "No key and no certificate to verify with"
  end
  local cert, err = require("resty.evp").Cert:new(text)
  if not cert then return nil, "Unable to extract signing cert: " .. tostring(err) end
  local ok
  ok, err = cert:verify_trust(trusted_certs_file, chain)
  if not ok then return nil, "Cert used to sign the JWT isn't trusted: " .. tostring(err) end
  return text
end

local function signature_fits(token, secret)
  local header = token.header
  local alg = header.alg
  if alg_whitelist and not alg_whitelist[alg] then return false, "whitelist unsupported alg: " .. tostring(alg) end
  if token.internal then return true end -- its tag was checked when it was decrypted
  if not jws.algorithms[alg] then return false, "unsupported alg: " .. tostring(alg) end
  local key, err
  if secret == nil then
    if not trusted_certs_file then return false, "No trusted certs loaded" end
    key, err = header_certificate(header)
  else
    key, err = key_of(secret, header)
  end
  if key == nil then return false, err end
  local signature = type(token.signature) == "string" and from64(token.signature)
  if not signature then return false, "Wrongly encoded signature" end
  local ok
  ok, err = jws.verify(alg, key, token.raw_header .. "." .. token.raw_payload, signature)
  if ok == nil then
    if alg:sub(1, 2) == "HS" then return false, err end
    return false, "Decode secret is not a valid cert/public key: " .. tostring(err)
  end
  if ok then return true end
  if alg:sub(1, 2) == "HS" then return false, "signature mismatch: " .. tostring(token.signature) end
  return false, "Verification failed"
end

-- verify_jwt_obj(secret, token, claims...): token with verified and reason. claims are tables of claim = validator; without any,
-- nbf and exp are checked where they are there.
function M.verify_jwt_obj(_, secret, token, ...)
  if not token.valid then return token end
  local ok, reason = claims_fit(token, ...)
  if ok then ok, reason = signature_fits(token, secret) end
  token.verified = ok == true
  token.reason = ok and FINE or reason
  return token
end

-- verify(secret, text, claims...) is load_jwt and verify_jwt_obj.
function M.verify(self, secret, text, ...)
  local token = self:load_jwt(text, secret)
  if not token.valid then
    token.verified = false
    return token
  end
  return self:verify_jwt_obj(secret, token, ...)
end

return M
