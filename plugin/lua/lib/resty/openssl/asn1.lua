-- resty.openssl.asn1: times and numbers of ASN.1 as OpenSSL keeps them
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
ASN1_STRING *ASN1_TIME_set(ASN1_STRING *s, long t);
int ASN1_TIME_diff(int *pday, int *psec, const ASN1_STRING *from, const ASN1_STRING *to);
]]

local M = {}
local day, second = ffi.new("int[1]"), ffi.new("int[1]")
local epoch

-- asn1_to_unix(p): seconds since the epoch of an ASN1_TIME.
function M.asn1_to_unix(p)
  if p == nil then return nil end
  epoch = epoch or C.ASN1_TIME_set(nil, 0)
  if C.ASN1_TIME_diff(day, second, epoch, p) ~= 1 then return crypto.failure("asn1.asn1_to_unix") end
  return day[0] * 86400 + second[0]
end

-- time(t): an ASN1_TIME.
function M.time(t)
  if type(t) ~= "number" then return nil, "expect a number" end
  local p = C.ASN1_TIME_set(nil, t)
  if p == nil then return crypto.failure("asn1.time") end
  return ffi.gc(p, C.ASN1_STRING_free)
end

return M
