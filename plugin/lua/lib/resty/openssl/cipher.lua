-- resty.openssl.cipher: symmetric ciphers, with and without authentication
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

local M = {}
local mt = { __index = M }
local SET_TAG, GET_TAG, SET_IVLEN = 0x11, 0x10, 0x9

function M.new(name)
  if not name then return nil, "cipher.new: expect type to be defined" end
  local c = C.EVP_get_cipherbyname(name)
  if c == nil then return nil, 'cipher.new: invalid cipher type "' .. tostring(name) .. '"' end
  return setmetatable({ ctx = ffi.gc(C.EVP_CIPHER_CTX_new(), C.EVP_CIPHER_CTX_free), cipher = c, name = name:lower(),
    block_size = C.EVP_CIPHER_get_block_size(c), key_size = C.EVP_CIPHER_get_key_length(c), iv_size = C.EVP_CIPHER_get_iv_length(c),
    aead = name:lower():find("gcm", 1, true) ~= nil or name:lower():find("ccm", 1, true) ~= nil or name:lower():find("poly1305", 1, true) ~= nil }, mt)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:init(key, iv, opts)
  opts = opts or {}
  if #key ~= self.key_size then return nil, ("cipher:init: incorrect key size, expect %d"):format(self.key_size) end
  iv = iv or ""
  if not self.aead and self.iv_size > 0 and #iv ~= self.iv_size then
    return nil, ("cipher:init: incorrect iv size, expect %d"):format(self.iv_size)
  end
  local enc = opts.is_encrypt and 1 or 0
  C.EVP_CIPHER_CTX_reset(self.ctx)
  if C.EVP_CipherInit_ex(self.ctx, self.cipher, nil, nil, nil, enc) ~= 1 then return crypto.failure("cipher:init") end
  if self.aead and #iv ~= self.iv_size and C.EVP_CIPHER_CTX_ctrl(self.ctx, SET_IVLEN, #iv, nil) ~= 1 then return crypto.failure("cipher:init") end
  if C.EVP_CipherInit_ex(self.ctx, nil, nil, key, self.iv_size > 0 and iv or nil, enc) ~= 1 then return crypto.failure("cipher:init") end
  if opts.no_padding then C.EVP_CIPHER_CTX_set_padding(self.ctx, 0) end
  self.ready = true
  return true
end

local n = ffi.new("int[1]")

function M:update_aead_aad(aad)
  if C.EVP_CipherUpdate(self.ctx, nil, n, aad, #aad) ~= 1 then return crypto.failure("cipher:update_aead_aad") end
  return true
end

function M:get_aead_tag(size)
  size = size or 16
  local buf = ffi.new("unsigned char[?]", size)
  if C.EVP_CIPHER_CTX_ctrl(self.ctx, GET_TAG, size, buf) ~= 1 then return crypto.failure("cipher:get_aead_tag") end
  return ffi.string(buf, size)
end

function M:set_aead_tag(tag)
  if C.EVP_CIPHER_CTX_ctrl(self.ctx, SET_TAG, #tag, ffi.cast("void *", ffi.cast("const char *", tag))) ~= 1 then
    return crypto.failure("cipher:set_aead_tag")
  end
  return true
end

function M:update(...)
  if not self.ready then return nil, "cipher:update: cipher not initialized, call cipher:init first" end
  local out = {}
  for i = 1, select("#", ...) do
    local s = select(i, ...)
    local buf = ffi.new("unsigned char[?]", #s + self.block_size)
    if C.EVP_CipherUpdate(self.ctx, buf, n, s, #s) ~= 1 then return crypto.failure("cipher:update") end
    out[i] = ffi.string(buf, n[0])
  end
  return table.concat(out)
end

function M:final(s)
  local head = ""
  if s then
    local err
    head, err = self:update(s)
    if not head then return nil, err end
  end
  local buf = ffi.new("unsigned char[?]", self.block_size + 1)
  if C.EVP_CipherFinal_ex(self.ctx, buf, n) ~= 1 then return crypto.failure("cipher:final") end
  return head .. ffi.string(buf, n[0])
end

function M:encrypt(key, iv, s, no_padding, aad)
  local ok, err = self:init(key, iv, { is_encrypt = true, no_padding = no_padding })
  if not ok then return nil, err end
  if aad then
    ok, err = self:update_aead_aad(aad)
    if not ok then return nil, err end
  end
  return self:final(s)
end

function M:decrypt(key, iv, s, no_padding, aad, tag)
  local ok, err = self:init(key, iv, { no_padding = no_padding })
  if not ok then return nil, err end
  if tag then
    ok, err = self:set_aead_tag(tag)
    if not ok then return nil, err end
  end
  if aad then
    ok, err = self:update_aead_aad(aad)
    if not ok then return nil, err end
  end
  return self:final(s)
end

-- derive(key, salt, count, md) gives key and iv as openssl enc makes them.
function M:derive(key, salt, count, md)
  local digest = crypto.digest(md or "sha1")
  if not digest then return nil, nil, 'cipher:derive: invalid digest type "' .. tostring(md) .. '"' end
  if salt and #salt < 8 then salt = salt .. ("\0"):rep(8 - #salt) end
  local k, iv = ffi.new("unsigned char[64]"), ffi.new("unsigned char[16]")
  local size = C.EVP_BytesToKey(self.cipher, digest, salt, key, #key, count or 1, k, iv)
  if size == 0 then return nil, select(2, crypto.failure("cipher:derive")) end
  return ffi.string(k, size), ffi.string(iv, self.iv_size)
end

return M
