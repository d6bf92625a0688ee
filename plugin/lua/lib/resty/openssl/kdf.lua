-- resty.openssl.kdf: keys derived from secrets: any derivation of libcrypto by its name (new), and those that have a number (derive).
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

local M = { PBKDF2 = -1, SCRYPT = 973, HKDF = 1036, TLS1_PRF = 1021,
  HKDEF_MODE_EXTRACT_AND_EXPAND = 0, HKDEF_MODE_EXTRACT_ONLY = 1, HKDEF_MODE_EXPAND_ONLY = 2 }

-- bytes of a parameter as hex for EVP_PKEY_CTX_ctrl_str.
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

local function by_text(o, name, params)
  local ctx = C.EVP_PKEY_CTX_new_from_name(nil, name, nil)
  if ctx == nil then return crypto.failure("kdf.derive") end
  ctx = ffi.gc(ctx, C.EVP_PKEY_CTX_free)
  if C.EVP_PKEY_derive_init(ctx) ~= 1 then return crypto.failure("kdf.derive") end
  for _, p in ipairs(params) do
    if p[2] and C.EVP_PKEY_CTX_ctrl_str(ctx, p[1], p[2]) ~= 1 then return crypto.failure("kdf.derive: " .. p[1]) end
  end
  local buf, n = ffi.new("unsigned char[?]", o.outlen), ffi.new("size_t[1]", o.outlen)
  if C.EVP_PKEY_derive(ctx, buf, n) ~= 1 then return crypto.failure("kdf.derive") end
  return ffi.string(buf, n[0])
end

function M.derive(o)
  if type(o) ~= "table" then return nil, "kdf.derive: expect a table at #1" end
  if type(o.outlen) ~= "number" then return nil, "kdf.derive: expect outlen to be a number" end
  local md = crypto.digest(o.md or "sha1")
  if not md then return nil, 'kdf.derive: invalid digest type "' .. tostring(o.md) .. '"' end
  local buf = ffi.new("unsigned char[?]", o.outlen)
  local pass, salt = o.pass or "", o.salt or ""
  if o.type == M.PBKDF2 then
    local ok = C.PKCS5_PBKDF2_HMAC(pass, #pass, salt, #salt, o.pbkdf2_iter or 1, md, o.outlen, buf)
    if ok ~= 1 then return crypto.failure("kdf.derive") end
    return ffi.string(buf, o.outlen)
  elseif o.type == M.SCRYPT then
    local ok = C.EVP_PBE_scrypt(pass, #pass, salt, #salt, o.scrypt_N or 1, o.scrypt_r or 1, o.scrypt_p or 1, o.scrypt_maxmem or 0, buf, o.outlen)
    if ok ~= 1 then return crypto.failure("kdf.derive") end
    return ffi.string(buf, o.outlen)
  elseif o.type == M.HKDF then
    local modes = { [0] = "EXTRACT_AND_EXPAND", "EXTRACT_ONLY", "EXPAND_ONLY" }
    return by_text(o, "HKDF", { { "mode", modes[o.hkdf_mode or 0] }, { "md", o.md or "sha1" }, { "hexkey", hex(o.hkdf_key or "") },
      { "hexsalt", salt ~= "" and hex(salt) or nil }, { "hexinfo", o.hkdf_info and hex(o.hkdf_info) or nil } })
  elseif o.type == M.TLS1_PRF then
    return by_text(o, "TLS1-PRF", { { "md", o.md or "md5-sha1" }, { "hexsecret", hex(o.tls1_prf_secret or "") },
      { "hexseed", hex(o.tls1_prf_seed or "") } })
  end
  return nil, "kdf.derive: unknown type " .. tostring(o.type)
end

local INTEGER, UNSIGNED = 1, 2 -- kinds of OSSL_PARAM
local MAX_LENGTH = 2 ^ 20
local kdf = {}
local mt = { __index = kdf }

-- new(name): a derivation of libcrypto, such as HKDF, PBKDF2, SCRYPT or KBKDF.
function M.new(name)
  if type(name) ~= "string" then return nil, "kdf.new: expect a string at #1" end
  local algorithm = C.EVP_KDF_fetch(nil, name, nil)
  if algorithm == nil then
    C.ERR_clear_error()
    return nil, 'kdf.new: invalid KDF type "' .. name .. '"'
  end
  algorithm = ffi.gc(algorithm, C.EVP_KDF_free)
  local ctx = C.EVP_KDF_CTX_new(algorithm)
  if ctx == nil then return crypto.failure("kdf.new") end
  return setmetatable({ ctx = ffi.gc(ctx, C.EVP_KDF_CTX_free), algorithm = algorithm }, mt)
end

-- kind(self, name, is_number): how the derivation takes a parameter; some are taken as a number and as a text.
local function kind(self, name, is_number)
  local list, i, found = C.EVP_KDF_settable_ctx_params(self.algorithm), 0, nil
  while list ~= nil and list[i].key ~= nil do
    if ffi.string(list[i].key) == name then
      local t = tonumber(list[i].data_type)
      found = found or t
      if (t == INTEGER or t == UNSIGNED) == is_number then return t end
    end
    i = i + 1
  end
  return found
end

-- derive(outlen, options): a key of outlen bytes. options has the parameters by libcrypto's names: digest, key, salt, info, mode,
-- pass, iter, n, r, p, …
function kdf:derive(outlen, options)
  if type(outlen) ~= "number" or outlen < 1 or outlen > MAX_LENGTH then return nil, "kdf:derive: expect a length from 1 to " .. MAX_LENGTH .. " at #1" end
  local count = 0
  for _ in pairs(options or {}) do count = count + 1 end
  local list, anchor, i = ffi.new("OSSL_PARAM[?]", count + 1), {}, 0
  for name, value in pairs(options or {}) do
    local t = kind(self, name, type(value) == "number")
    if not t then return nil, 'kdf:derive: unknown parameter "' .. tostring(name) .. '"' end
    local data, size
    if t == INTEGER or t == UNSIGNED then
      if type(value) ~= "number" then return nil, 'kdf:derive: expect a number for "' .. name .. '"' end
      data, size = ffi.new(t == INTEGER and "int64_t[1]" or "uint64_t[1]", value), 8
    else
      if type(value) ~= "string" then return nil, 'kdf:derive: expect a string for "' .. name .. '"' end
      data, size = ffi.new("char[?]", #value + 1, value), #value
    end
    anchor[#anchor + 1], anchor[#anchor + 2] = name, data
    list[i] = { key = name, data_type = t, data = data, data_size = size }
    i = i + 1
  end
  local buf = ffi.new("unsigned char[?]", outlen)
  if C.EVP_KDF_derive(self.ctx, buf, outlen, list) ~= 1 then return crypto.failure("kdf:derive") end
  return ffi.string(buf, outlen)
end

-- reset(): forgets the parameters that were given.
function kdf:reset()
  C.EVP_KDF_CTX_reset(self.ctx)
  return true
end

return M
