-- resty.openssl.digest: message digests
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

local M = {}
local mt = { __index = M }
local buf, size = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")

function M.new(name)
  name = name or "sha1"
  local md = crypto.digest(name)
  if not md then return nil, 'digest.new: invalid digest type "' .. tostring(name) .. '"' end
  local ctx = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
  if C.EVP_DigestInit_ex(ctx, md, nil) ~= 1 then return crypto.failure("digest.new") end
  return setmetatable({ ctx = ctx, md = md, algo = md, name = name }, mt)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:update(...)
  for i = 1, select("#", ...) do
    local s = tostring((select(i, ...)))
    if C.EVP_DigestUpdate(self.ctx, s, #s) ~= 1 then return crypto.failure("digest:update") end
  end
  return true
end

function M:final(s)
  if s then
    local ok, err = self:update(s)
    if not ok then return nil, err end
  end
  if C.EVP_DigestFinal_ex(self.ctx, buf, size) ~= 1 then return crypto.failure("digest:final") end
  return ffi.string(buf, size[0])
end

function M:reset()
  if C.EVP_DigestInit_ex(self.ctx, self.md, nil) ~= 1 then return crypto.failure("digest:reset") end
  return true
end

function M.get_provider_name() return "default" end

return M
