-- resty.openssl.bn: big numbers, as keys and serial numbers have them.
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

local M = {}
local mt = { __index = M }

local function wrap(p)
  if p == nil then return crypto.failure("bn.new") end
  return setmetatable({ ctx = ffi.gc(p, C.BN_free) }, mt)
end

-- adopt(p) is the object of a BIGNUM that is now its own; dup(p) of a copy.
M.adopt = wrap
function M.dup(p) return wrap(C.BN_dup(type(p) == "table" and p.ctx or p)) end

function M.from_binary(s) return wrap(C.BN_bin2bn(s, #s, nil)) end

local function read(how, s)
  local p = ffi.new("BIGNUM *[1]")
  if how(p, s) == 0 then return nil, "bn: not a number: " .. tostring(s) end
  return wrap(p[0])
end
function M.from_hex(s) return read(C.BN_hex2bn, s) end
function M.from_dec(s) return read(C.BN_dec2bn, s) end

function M.new(v, base)
  if v == nil then return wrap(C.BN_new()) end
  if M.istype(v) then return M.dup(v) end
  if type(v) == "number" then return M.from_dec(("%.0f"):format(v)) end
  if base == 16 then return M.from_hex(v) end
  if base == 2 then return M.from_binary(v) end
  return M.from_dec(v)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:to_binary(pad)
  local n = math.floor((C.BN_num_bits(self.ctx) + 7) / 8)
  if pad and pad > n then n = pad end
  local buf = ffi.new("unsigned char[?]", n > 0 and n or 1)
  if C.BN_bn2binpad(self.ctx, buf, n) < 0 then return crypto.failure("bn:to_binary") end
  return ffi.string(buf, n)
end

local function print(how)
  return function(self)
    local p = how(self.ctx)
    if p == nil then return crypto.failure("bn") end
    local s = ffi.string(p)
    crypto.free_string(p)
    return s
  end
end
M.to_hex, M.to_dec = print(C.BN_bn2hex), print(C.BN_bn2dec)
M.tostring = M.to_dec

function M:to_number() return tonumber((self:to_dec())) end
M.tonumber = M.to_number

mt.__tostring = M.to_dec
mt.__eq = function(a, b) return C.BN_cmp(a.ctx, b.ctx) == 0 end
mt.__lt = function(a, b) return C.BN_cmp(a.ctx, b.ctx) < 0 end
mt.__le = function(a, b) return C.BN_cmp(a.ctx, b.ctx) <= 0 end

return M
