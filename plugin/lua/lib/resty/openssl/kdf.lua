-- resty.openssl.kdf: PBKDF2 and scrypt, and what else EVP derives by text parameters.
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

local M = { PBKDF2 = -1, SCRYPT = 973, HKDF = 1036, TLS1_PRF = 1021 }

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

return M
