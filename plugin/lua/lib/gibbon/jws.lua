-- Signatures of JSON Web Tokens (RFC 7518, section 3; RFC 8037): one table of algorithms.
local native = require "gibbon.native"
local keys = require "gibbon.keys"

local M = {}

local RSA, EC = 6, 408
local EDWARDS = { [1087] = true, [1088] = true }
local PSS = 6 -- RSA_PKCS1_PSS_PADDING

-- algorithms: kind, digest, and for ES the length of half a signature.
local algorithms = {
  HS256 = { "hmac", "sha256" }, HS384 = { "hmac", "sha384" }, HS512 = { "hmac", "sha512" },
  RS256 = { "rsa", "sha256" }, RS384 = { "rsa", "sha384" }, RS512 = { "rsa", "sha512" },
  PS256 = { "pss", "sha256", 32 }, PS384 = { "pss", "sha384", 48 }, PS512 = { "pss", "sha512", 64 },
  ES256 = { "ec", "sha256", 32 }, ES384 = { "ec", "sha384", 48 }, ES512 = { "ec", "sha512", 66 },
  EdDSA = { "edwards" },
}
M.algorithms = algorithms

local function suits(key, kind)
  local id = key:get_key_type().id
  if kind == "ec" then return id == EC end
  if kind == "edwards" then return EDWARDS[id] end
  return id == RSA
end

-- equal compares without telling where texts differ.
local function equal(a, b)
  if #a ~= #b then return false end
  local bit, diff = require "bit", 0
  for i = 1, #a do diff = bit.bor(diff, bit.bxor(a:byte(i), b:byte(i))) end
  return diff == 0
end
M.equal = equal

-- hmac(digest, key, text)
function M.hmac(digest, key, text)
  local state = native.hmac_new(digest, key)
  state:update(text)
  return state:final()
end

local function options(a) return a[1] == "pss" and PSS or nil, { ecdsa_use_raw = a[1] == "ec", pss_saltlen = a[1] == "pss" and a[3] or nil } end

-- sign(alg, key, text): the signature's bytes, or nil and why not.
function M.sign(alg, key, text)
  local a = algorithms[alg]
  if not a then return nil, "unsupported alg: " .. tostring(alg) end
  if a[1] == "hmac" then
    if type(key) ~= "string" then return nil, "the secret has to be a string" end
    return M.hmac(a[2], key, text)
  end
  local k, err = keys.private(key)
  if not k then return nil, err end
  if not suits(k, a[1]) then return nil, "the key is not of the kind that " .. alg .. " needs" end
  return k:sign(text, a[2], options(a))
end

-- verify(alg, key, text, signature): true or false; nil and why the key cannot be used.
function M.verify(alg, key, text, signature)
  local a = algorithms[alg]
  if not a then return nil, "unsupported alg: " .. tostring(alg) end
  if a[1] == "hmac" then
    if type(key) ~= "string" then return nil, "the secret has to be a string" end
    -- whoever has the public key could sign
    if key:find("-----BEGIN PUBLIC KEY", 1, true) or key:find("-----BEGIN CERTIFICATE", 1, true) or key:find("-----BEGIN RSA PUBLIC KEY", 1, true) then
      return nil, "a public key is no secret for " .. alg
    end
    return equal(M.hmac(a[2], key, text), signature)
  end
  local k, err = keys.public(key)
  if not k then return nil, err end
  if not suits(k, a[1]) then return nil, "the key is not of the kind that " .. alg .. " needs" end
  if a[1] == "ec" and #signature ~= 2 * a[3] then return false end
  local padding, o = options(a)
  return k:verify(signature, text, a[2], padding, o) == true
end

return M
