-- resty.rsa: RSA keys, encryption and signatures.
local pkey = require "resty.openssl.pkey"
local digest = require "resty.openssl.digest"

local setmetatable, tostring = setmetatable, tostring

local M = { _VERSION = "1.0.4", KEY_TYPE = { PKCS1 = "PKCS1", PKCS8 = "PKCS8" },
  PADDING = { RSA_PKCS1_PADDING = 1, RSA_SSLV23_PADDING = 2, RSA_NO_PADDING = 3, RSA_PKCS1_OAEP_PADDING = 4 } }
local mt = { __index = M }

-- pkcs1(pem): the key that a PEM text "RSA PUBLIC KEY" holds, as the structure that has a name.
local function pkcs1(pem)
  local der = ngx.decode_base64((pem:match("%-%-%-%-%-BEGIN RSA PUBLIC KEY%-%-%-%-%-(.-)%-%-%-%-%-END") or ""):gsub("%s", ""))
  if not der then return nil, "not PEM" end
  return pkey.new(require("gibbon.jwk").spki(der), { format = "DER", type = "pu" })
end

-- generate_rsa_keys(bits, in_pkcs8): public PEM, private PEM, error
function M.generate_rsa_keys(_, bits, in_pkcs8)
  local key, err = pkey.new { type = "RSA", bits = bits }
  if not key then return nil, nil, err end
  local public = key:to_PEM "public"
  if not in_pkcs8 then public = require("gibbon.jwk").pkcs1_pem(public) end
  return public, key:to_PEM("private", not in_pkcs8)
end

-- new { public_key = or private_key =, key_type =, padding =, algorithm =, password = }
function M.new(_, o)
  local key, err
  if o.public_key then
    local text = tostring(o.public_key)
    if text:find("BEGIN RSA PUBLIC KEY", 1, true) then key, err = pkcs1(text) else key, err = pkey.new(text, { type = "pu" }) end
  elseif o.private_key then
    key, err = pkey.new(tostring(o.private_key), { type = "pr", passphrase = o.password })
  else
    return nil, "public_key or private_key is needed"
  end
  if not key then return nil, err end
  if o.algorithm then
    local d
    d, err = digest.new(o.algorithm:lower():gsub("^rsa%-", ""))
    if not d then return nil, "Unknown message digest" end
  end
  return setmetatable({ key = key, is_pub = o.public_key ~= nil, padding = o.padding or 1, md = o.algorithm and o.algorithm:lower():gsub("^rsa%-", "") or nil }, mt)
end

function M:encrypt(text)
  if not self.is_pub then return nil, "not inited for encrypt" end
  return self.key:encrypt(text, self.padding)
end

function M:decrypt(text)
  if self.is_pub then return nil, "not inited for decrypt" end
  return self.key:decrypt(text, self.padding)
end

function M:sign(text)
  if self.is_pub then return nil, "not inited for sign" end
  if not self.md then return nil, "no algorithm was given" end
  return self.key:sign(text, self.md)
end

function M:verify(text, signature)
  if not self.is_pub then return nil, "not inited for verify" end
  if not self.md then return nil, "no algorithm was given" end
  if self.key:verify(signature, text, self.md) == true then return true end
  return false, "verification failed"
end

return M
