-- resty.aes: AES by OpenSSL's names, over resty.openssl.cipher. Without an iv of its own, key and iv come out of a digest of the key (one
-- round or more, with a salt of eight bytes or none).
local openssl_cipher = require "resty.openssl.cipher"
local native = require "gibbon.native"

local type, setmetatable, sub = type, setmetatable, string.sub

local M = { _VERSION = "0.15" }
local mt = { __index = M }

-- cipher(size, mode): AES-256-CBC and the like; mode "cbc", "ecb", "gcm" …
function M.cipher(size, mode)
  size, mode = size or 128, mode or "cbc"
  if size ~= 128 and size ~= 192 and size ~= 256 then return nil end
  return { size = size, cipher = mode, method = "aes-" .. size .. "-" .. mode:lower() }
end

M.hash = { md5 = "md5", sha1 = "sha1", sha224 = "sha224", sha256 = "sha256", sha384 = "sha384", sha512 = "sha512" }

-- derive makes key and iv of a text as EVP_BytesToKey does.
local function derive(digest, salt, text, rounds, key_len, iv_len)
  local all, block = "", ""
  while #all < key_len + iv_len do
    block = native.digest(digest, block .. text .. salt)
    for _ = 2, rounds do block = native.digest(digest, block) end
    all = all .. block
  end
  return sub(all, 1, key_len), sub(all, key_len + 1, key_len + iv_len)
end

-- new(key, salt, cipher, hash, hash_rounds, iv_len): hash is a name of M.hash, or { iv = …, method = function(key) … end }.
function M.new(_, key, salt, cipher, hash, rounds, iv_len)
  cipher, rounds, hash = cipher or M.cipher(128, "cbc"), rounds or 1, hash or M.hash.md5
  local gcm = cipher.cipher == "gcm"
  iv_len = iv_len or (gcm and 12 or 16)
  local key_len, iv = cipher.size / 8, nil
  if type(hash) == "table" then
    if not hash.iv then return nil, "iv is needed" end
    iv = hash.iv
    if hash.method then key = hash.method(key) end
    if #key < key_len then return nil, "bad key length" end
    if #iv > iv_len and not gcm or #iv == 0 then return nil, "bad iv length" end
    key = sub(key, 1, key_len)
  else
    if salt and #salt ~= 8 then return nil, "salt must be 8 characters or nil" end
    key, iv = derive(hash, salt or "", key, rounds, key_len, iv_len)
  end
  local _, err = openssl_cipher.new(cipher.method)
  if err then return nil, err end
  return setmetatable({ key = key, iv = iv, method = cipher.method, gcm = gcm, padding = true }, mt)
end

-- encrypt(text): the ciphertext; with GCM { ciphertext, tag }.
function M:encrypt(text)
  local c, err = openssl_cipher.new(self.method)
  if not c then return nil, err end
  local out
  out, err = c:encrypt(self.key, self.iv, text, not self.padding)
  if not out then return nil, err end
  if not self.gcm then return out end
  local tag
  tag, err = c:get_aead_tag()
  if not tag then return nil, err end
  return { out, tag }
end

function M:decrypt(text, tag)
  local c, err = openssl_cipher.new(self.method)
  if not c then return nil, err end
  if self.gcm and not tag then return nil, "no tag" end
  return c:decrypt(self.key, self.iv, text, not self.padding, nil, tag)
end

return M
