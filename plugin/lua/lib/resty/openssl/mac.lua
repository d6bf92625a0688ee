-- resty.openssl.mac: HMAC, CMAC, GMAC, KMAC, Poly1305, SipHash.
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

local M = {}
local mt = { __index = M }
local UTF8 = 4 -- OSSL_PARAM_UTF8_STRING

-- parameters(t) is a list of text parameters; anchor keeps their strings alive.
local function parameters(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  local list, anchor = ffi.new("OSSL_PARAM[?]", n + 1), {}
  local i = 0
  for k, v in pairs(t) do
    local text = ffi.new("char[?]", #v + 1, v)
    anchor[#anchor + 1], anchor[#anchor + 2] = text, k
    list[i].key, list[i].data_type, list[i].data, list[i].data_size = k, UTF8, text, #v
    i = i + 1
  end
  return list, anchor
end

function M.new(key, typ, cipher, digest)
  local mac = C.EVP_MAC_fetch(nil, typ, nil)
  if mac == nil then return nil, 'mac.new: invalid mac type "' .. tostring(typ) .. '"' end
  mac = ffi.gc(mac, C.EVP_MAC_free)
  local ctx = C.EVP_MAC_CTX_new(mac)
  if ctx == nil then return crypto.failure("mac.new") end
  ctx = ffi.gc(ctx, C.EVP_MAC_CTX_free)
  local params = {}
  if digest then
    if not crypto.digest(digest) then return nil, 'mac.new: invalid digest type "' .. tostring(digest) .. '"' end
    params.digest = digest
  end
  if cipher then params.cipher = cipher end
  local list, anchor = parameters(params)
  if C.EVP_MAC_init(ctx, key, #key, list) ~= 1 then return crypto.failure("mac.new") end
  return setmetatable({ ctx = ctx, fresh = ffi.gc(C.EVP_MAC_CTX_dup(ctx), C.EVP_MAC_CTX_free), mac = mac, anchor = anchor }, mt)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:update(...)
  for i = 1, select("#", ...) do
    local s = tostring((select(i, ...)))
    if C.EVP_MAC_update(self.ctx, s, #s) ~= 1 then return crypto.failure("mac:update") end
  end
  return true
end

local buf, size = ffi.new("unsigned char[128]"), ffi.new("size_t[1]")

function M:final(s)
  if s then
    local ok, err = self:update(s)
    if not ok then return nil, err end
  end
  if C.EVP_MAC_final(self.ctx, buf, size, 128) ~= 1 then return crypto.failure("mac:final") end
  return ffi.string(buf, size[0])
end

function M:reset()
  self.ctx = ffi.gc(C.EVP_MAC_CTX_dup(self.fresh), C.EVP_MAC_CTX_free)
  return true
end

return M
