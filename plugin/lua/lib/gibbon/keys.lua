-- Keys of tokens: PEM, DER and JWK text to resty.openssl.pkey, kept so that a key is read once and not per request.
local pkey = require "resty.openssl.pkey"
local lru = require "gibbon.lru"

local M = {}
local private, public = lru.new(100), lru.new(500)

-- private(text, passphrase) and public(text): a pkey, or nil and why not. public takes certificates as well.
function M.private(text, passphrase)
  if pkey.istype(text) then return text end
  if type(text) ~= "string" then return nil, "the key is not a text" end
  local id = text .. "\0" .. (passphrase or "")
  local key = private:get(id)
  if key then return key end
  local err
  key, err = pkey.new(text, { passphrase = passphrase })
  if not key then return nil, err end
  if not key:is_private() then return nil, "not a private key" end
  private:set(id, key)
  return key
end

local function read_public(text)
  if text:find("-----BEGIN CERTIFICATE", 1, true) or text:find("-----BEGIN X509 CERTIFICATE", 1, true)
    or text:find("-----BEGIN TRUSTED CERTIFICATE", 1, true) then
    local cert, err = require("resty.openssl.x509").new(text)
    if not cert then return nil, err end
    return cert:get_pubkey()
  end
  local key, err = pkey.new(text)
  if key then return key end
  local cert = text:byte() == 0x30 and require("resty.openssl.x509").new(text, "DER")
  if cert then return cert:get_pubkey() end
  return nil, err
end

function M.public(text)
  if pkey.istype(text) then return text end
  if type(text) ~= "string" then return nil, "the key is not a text" end
  local key = public:get(text)
  if key then return key end
  local err
  key, err = read_public(text)
  if not key then return nil, err end
  public:set(text, key)
  return key
end

return M
