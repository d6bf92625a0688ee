-- Encryption of JSON Web Tokens (RFC 7516, RFC 7518 sections 4 and 5): what resty.jwt encrypts and decrypts.
local native = require "gibbon.native"
local cipher = require "resty.openssl.cipher"
local keys = require "gibbon.keys"
local jws = require "gibbon.jws"

local sub, char, floor = string.sub, string.char, math.floor
local random = native.random_bytes

local M = {}
local OAEP = 4 -- RSA_PKCS1_OAEP_PADDING

-- content encryptions: bytes of the key, cipher, and for CBC the digest of the tag.
local content = {
  ["A128CBC-HS256"] = { 32, "aes-128-cbc", "sha256" }, ["A192CBC-HS384"] = { 48, "aes-192-cbc", "sha384" },
  ["A256CBC-HS512"] = { 64, "aes-256-cbc", "sha512" },
  A128GCM = { 16, "aes-128-gcm" }, A192GCM = { 24, "aes-192-gcm" }, A256GCM = { 32, "aes-256-gcm" },
}
-- key managements: the digest of RSA-OAEP.
local management = { ["RSA-OAEP"] = "sha1", ["RSA-OAEP-256"] = "sha256", ["RSA-OAEP-384"] = "sha384", ["RSA-OAEP-512"] = "sha512" }

function M.supports(alg) return alg == "dir" or management[alg] ~= nil end

-- bits64 is n bytes' length in bits as eight bytes.
local function bits64(n)
  n = n * 8
  local out = {}
  for i = 8, 1, -1 do
    out[i] = char(n % 256)
    n = floor(n / 256)
  end
  return table.concat(out)
end

local function tag_of(e, mac_key, aad, iv, text)
  return sub(jws.hmac(e[3], mac_key, aad .. iv .. text .. bits64(#aad)), 1, e[1] / 2)
end

local function seal(e, key, aad, text)
  local c, err = cipher.new(e[2])
  if not c then return nil, err end
  if e[3] then
    local half = e[1] / 2
    local iv = random(16)
    local out
    out, err = c:encrypt(sub(key, half + 1), iv, text)
    if not out then return nil, err end
    return iv, out, tag_of(e, sub(key, 1, half), aad, iv, out)
  end
  local iv = random(12)
  local out
  out, err = c:encrypt(key, iv, text, false, aad)
  if not out then return nil, err end
  return iv, out, c:get_aead_tag(16)
end

local function open(e, key, aad, iv, text, tag)
  local c, err = cipher.new(e[2])
  if not c then return nil, err end
  if e[3] then
    local half = e[1] / 2
    if not jws.equal(tag_of(e, sub(key, 1, half), aad, iv, text), tag) then return nil, "the tag does not match" end
    return c:decrypt(sub(key, half + 1), iv, text)
  end
  if #tag ~= 16 then return nil, "the tag has the wrong length" end
  return c:decrypt(key, iv, text, false, aad, tag)
end

local function known(header)
  local e = content[header.enc or ""]
  if not e then return nil, "unsupported enc: " .. tostring(header.enc) end
  if not M.supports(header.alg) then return nil, "unsupported alg: " .. tostring(header.alg) end
  return e
end

-- encrypt(header, key, protected, text): encrypted key, iv, ciphertext, tag; or nil and why not. protected is the encoded header.
function M.encrypt(header, key, protected, text)
  local e, err = known(header)
  if not e then return nil, err end
  local cek, wrapped = key, ""
  if header.alg ~= "dir" then
    local k
    k, err = keys.public(key)
    if not k then return nil, err end
    cek = random(e[1])
    wrapped, err = k:encrypt(cek, OAEP, { oaep_md = management[header.alg] })
    if not wrapped then return nil, err end
  end
  if type(cek) ~= "string" or #cek ~= e[1] then return nil, "invalid key length: " .. header.enc .. " needs " .. e[1] .. " bytes" end
  local iv, out, tag = seal(e, cek, protected, text)
  if not iv then return nil, out end
  return wrapped, iv, out, tag
end

-- decrypt gives the text, or nil and why not.
function M.decrypt(header, key, protected, wrapped, iv, text, tag)
  local e, err = known(header)
  if not e then return nil, err end
  local cek = key
  if header.alg ~= "dir" then
    local k
    k, err = keys.private(key)
    if not k then return nil, err end
    cek = k:decrypt(wrapped, OAEP, { oaep_md = management[header.alg] })
    -- a wrong key goes the same way as a wrong tag, so that nobody learns which it was (RFC 7516, 11.5)
    if not cek or #cek ~= e[1] then cek = random(e[1]) end
  end
  if type(cek) ~= "string" or #cek ~= e[1] then return nil, "invalid key length: " .. header.enc .. " needs " .. e[1] .. " bytes" end
  local out = open(e, cek, protected, iv, text, tag)
  if not out then return nil, "failed to decrypt" end
  return out
end

return M
