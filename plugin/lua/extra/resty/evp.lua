-- resty.evp: signers, verifiers and certificates as lua-resty-jwt's users know them.
local keys = require "gibbon.keys"
local x509 = require "resty.openssl.x509"
local store = require "resty.openssl.x509.store"
local crypto = require "gibbon.crypto"

local setmetatable, type, tostring, ipairs = setmetatable, type, tostring, ipairs

local M = { _VERSION = "0.2.3", CONST = { SHA256_DIGEST = "SHA256", SHA384_DIGEST = "SHA384", SHA512_DIGEST = "SHA512" },
  RSA_PKCS1_PADDING = 1, RSA_SSLV23_PADDING = 2, RSA_NO_PADDING = 3, RSA_PKCS1_OAEP_PADDING = 4 }
local CONST = M.CONST
CONST.RSA_PKCS1_PADDING, CONST.RSA_SSLV23_PADDING, CONST.RSA_NO_PADDING, CONST.RSA_PKCS1_OAEP_PADDING = 1, 2, 3, 4

-- class(make, methods): class:new(...) is an object of what make gives.
local function class(make, methods)
  local mt = { __index = methods }
  return { new = function(_, ...)
    local o, err = make(...)
    if not o then return nil, err end
    return setmetatable(o, mt)
  end }
end

local function private(text, password)
  local key, err = keys.private(text, password)
  if not key then return nil, err end
  return { evp_pkey = key }
end

local function public(v)
  if type(v) == "table" and v.public_key then v = v.public_key end
  if type(v) == "table" and v.evp_pkey then return { evp_pkey = v.evp_pkey } end
  local key, err = keys.public(v)
  if not key then return nil, err end
  return { evp_pkey = key }
end

local function digest_fits(name)
  if not name or not crypto.digest(tostring(name):lower()) then return nil, "unsupported digest: " .. tostring(name) end
  return name:lower()
end

local function sign(o)
  return function(self, message, digest)
    local md, err = digest_fits(digest)
    if not md then return nil, err end
    return self.evp_pkey:sign(message, md, nil, o)
  end
end

local function verify(o)
  return function(self, message, signature, digest)
    local md, err = digest_fits(digest)
    if not md then return false, err end
    if self.evp_pkey:verify(signature, message, md, nil, o) == true then return true end
    return false, "Verification failed"
  end
end

-- RSASigner:new(pem, password):sign(message, digest), RSAVerifier:new(pem or Cert):verify(message, signature, digest)
M.RSASigner, M.RSAVerifier = class(private, { sign = sign() }), class(public, { verify = verify() })

-- ECSigner signs in DER; get_raw_sig(der) gives r || s, as tokens have it.
M.ECSigner = class(private, { sign = sign(), get_raw_sig = function(self, der)
  return require("gibbon.jwk").der_to_raw(der, math.floor((tonumber(crypto.C.EVP_PKEY_get_bits(self.evp_pkey.ctx)) + 7) / 8))
end })
M.ECVerifier = class(public, { verify = verify { ecdsa_use_raw = true } })

-- RSAEncryptor:new(pem or Cert, padding, digest):encrypt(text), RSADecryptor:new(pem, password, padding, digest):decrypt(text)
local function options(o, padding, digest)
  if not o then return nil end
  o.padding, o.digest = padding or CONST.RSA_PKCS1_OAEP_PADDING, digest
  return o
end

local function transform(name)
  return function(self, text)
    return self.evp_pkey[name](self.evp_pkey, text, self.padding, self.padding == 4 and self.digest and { oaep_md = self.digest:lower() } or nil)
  end
end

M.RSAEncryptor = class(function(key, padding, digest)
  local o, err = public(key)
  return options(o, padding, digest), err
end, { encrypt = transform "encrypt" })
M.RSADecryptor = class(function(pem, password, padding, digest)
  local o, err = private(pem, password)
  return options(o, padding, digest), err
end, { decrypt = transform "decrypt" })

-- Cert:new(pem or der)
M.Cert = class(function(text)
  if type(text) ~= "string" then return nil, "Must pass a PEM or DER cert" end
  local cert, err = x509.new(text)
  if not cert then return nil, err end
  local key
  key, err = cert:get_pubkey()
  if not key then return nil, err end
  return { x509 = cert, public_key = key }
end, {
  -- get_fingerprint(digest): hexadecimal, in capitals
  get_fingerprint = function(self, digest)
    local d, err = self.x509:digest((digest or "SHA256"):lower())
    if not d then return nil, err end
    return require("resty.string").to_hex(d):upper()
  end,
  get_public_key = function(self) return self.public_key end,
  -- verify_trust(file, chain): is it signed by one of the certificates in the file, by way of the chain (a list of PEM texts)?
  verify_trust = function(self, file, chain)
    local s, err = store.new()
    if not s then return false, err end
    local ok
    ok, err = s:load_file(file)
    if not ok then return false, err end
    local between = require("resty.openssl.x509.chain").new()
    for _, pem in ipairs(chain or {}) do
      local c = x509.new(pem)
      if c then between:add(c) end
    end
    ok, err = s:verify(self.x509, between)
    if ok then return true end
    return false, err
  end,
})

-- PublicKey:new(pem or der)
M.PublicKey = class(function(text)
  local o, err = public(text)
  if not o then return nil, err end
  o.public_key = o.evp_pkey
  return o
end, { get_public_key = function(self) return self.public_key end })

return M
