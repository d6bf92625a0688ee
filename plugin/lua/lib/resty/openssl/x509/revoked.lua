-- resty.openssl.x509.revoked: entries of revocation lists
local crypto = require "gibbon.crypto"
local asn1 = require "resty.openssl.asn1"
local bn = require "resty.openssl.bn"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
typedef struct x509_revoked_st X509_REVOKED;
X509_REVOKED *X509_REVOKED_new(void);
void X509_REVOKED_free(X509_REVOKED *a);
X509_REVOKED *X509_REVOKED_dup(const X509_REVOKED *a);
int X509_REVOKED_set_serialNumber(X509_REVOKED *x, ASN1_STRING *serial);
int X509_REVOKED_set_revocationDate(X509_REVOKED *r, ASN1_STRING *tm);
int X509_REVOKED_add1_ext_i2d(X509_REVOKED *x, int nid, void *value, int crit, unsigned long flags);
ASN1_STRING *ASN1_ENUMERATED_new(void);
int ASN1_ENUMERATED_set(ASN1_STRING *a, long v);
]]

local M = {}
local mt = { __index = M }
local REASON = 141 -- NID_crl_reason

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

-- new(serial, time, reason): serial is a bn or a number, time in seconds since the epoch, reason a CRLReason (RFC 5280, 5.3.1).
function M.new(serial, time, reason)
  if type(serial) == "number" then serial = bn.new(serial) end
  if not bn.istype(serial) then return nil, "x509.revoked.new: expect a number or a bn instance at #1" end
  if type(time) ~= "number" then return nil, "x509.revoked.new: expect a number at #2" end
  if type(reason) ~= "number" then return nil, "x509.revoked.new: expect a number at #3" end
  local p = ffi.gc(C.X509_REVOKED_new(), C.X509_REVOKED_free)
  local number = ffi.gc(C.BN_to_ASN1_INTEGER(serial.ctx, nil), C.ASN1_STRING_free)
  local why = ffi.gc(C.ASN1_ENUMERATED_new(), C.ASN1_STRING_free)
  if C.X509_REVOKED_set_serialNumber(p, number) ~= 1 or C.X509_REVOKED_set_revocationDate(p, asn1.time(time)) ~= 1
    or C.ASN1_ENUMERATED_set(why, reason) ~= 1 or C.X509_REVOKED_add1_ext_i2d(p, REASON, why, 0, 0) ~= 1 then
    return crypto.failure("x509.revoked.new")
  end
  return setmetatable({ ctx = p }, mt)
end

return M
