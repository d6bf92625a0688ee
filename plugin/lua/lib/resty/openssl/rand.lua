-- resty.openssl.rand: random bytes
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

local M = {}

function M.bytes(n, private)
  if type(n) ~= "number" then return nil, "rand.bytes: expect a number at #1" end
  if n <= 0 then return nil, "rand.bytes: expect a number larger than 0" end
  local buf = ffi.new("unsigned char[?]", n)
  if (private and C.RAND_priv_bytes or C.RAND_bytes)(buf, n) ~= 1 then return crypto.failure("rand.bytes") end
  return ffi.string(buf, n)
end

return M
