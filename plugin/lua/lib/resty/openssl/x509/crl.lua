-- resty.openssl.x509.crl: certificate revocation lists, read and made
local crypto = require "gibbon.crypto"
local asn1 = require "resty.openssl.asn1"
local revoked = require "resty.openssl.x509.revoked"
local extension = require "resty.openssl.x509.extension"
local name_lib = require "resty.openssl.x509.name"
require "resty.openssl.x509"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
X509_CRL *X509_CRL_new(void);
void X509_CRL_free(X509_CRL *a);
X509_CRL *X509_CRL_dup(const X509_CRL *a);
X509_CRL *PEM_read_bio_X509_CRL(BIO *bp, X509_CRL **x, void *cb, void *u);
int PEM_write_bio_X509_CRL(BIO *bp, const X509_CRL *x);
X509_CRL *d2i_X509_CRL_bio(BIO *bp, X509_CRL **x);
int i2d_X509_CRL_bio(BIO *bp, const X509_CRL *x);
long X509_CRL_get_version(const X509_CRL *crl);
int X509_CRL_set_version(X509_CRL *x, long version);
X509_NAME *X509_CRL_get_issuer(const X509_CRL *crl);
int X509_CRL_set_issuer_name(X509_CRL *x, const X509_NAME *name);
const ASN1_STRING *X509_CRL_get0_lastUpdate(const X509_CRL *crl);
const ASN1_STRING *X509_CRL_get0_nextUpdate(const X509_CRL *crl);
int X509_CRL_set1_lastUpdate(X509_CRL *x, const ASN1_STRING *tm);
int X509_CRL_set1_nextUpdate(X509_CRL *x, const ASN1_STRING *tm);
int X509_CRL_get_signature_nid(const X509_CRL *crl);
int X509_CRL_get_ext_count(const X509_CRL *x);
X509_EXTENSION *X509_CRL_get_ext(const X509_CRL *x, int loc);
X509_EXTENSION *X509_CRL_delete_ext(X509_CRL *x, int loc);
int X509_CRL_add_ext(X509_CRL *x, X509_EXTENSION *ex, int loc);
int X509_CRL_add0_revoked(X509_CRL *crl, X509_REVOKED *rev);
int X509_CRL_sort(X509_CRL *crl);
int X509_CRL_get0_by_serial(X509_CRL *crl, X509_REVOKED **ret, const ASN1_STRING *serial);
const ASN1_STRING *X509_REVOKED_get0_revocationDate(const X509_REVOKED *x);
int X509_CRL_sign(X509_CRL *x, EVP_PKEY *pkey, const EVP_MD *md);
int X509_CRL_verify(X509_CRL *a, EVP_PKEY *r);
]]

local M = {}
local mt = { __index = M, __tostring = function(self) return (self:tostring()) end }

local function wrap(p) return setmetatable({ ctx = ffi.gc(p, C.X509_CRL_free) }, mt) end

-- new(text, "PEM" or "DER") reads a list; new() makes an empty one.
function M.new(s, format)
  if s == nil then return wrap(C.X509_CRL_new()) end
  if type(s) ~= "string" then return nil, "x509.crl.new: expect nil or a string at #1" end
  local p
  if format ~= "DER" then p = C.PEM_read_bio_X509_CRL(crypto.bio(s), nil, nil, nil) end
  if p == nil and format ~= "PEM" then p = C.d2i_X509_CRL_bio(crypto.bio(s), nil) end
  if p == nil then return crypto.failure("x509.crl.new") end
  C.ERR_clear_error()
  return wrap(p)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M.dup(p)
  local copy = C.X509_CRL_dup(type(p) == "table" and p.ctx or p)
  if copy == nil then return crypto.failure("x509.crl.dup") end
  return wrap(copy)
end

function M:tostring(format)
  local text = crypto.text(format == "DER" and C.i2d_X509_CRL_bio or C.PEM_write_bio_X509_CRL, self.ctx)
  if not text then return crypto.failure("x509.crl:tostring") end
  return text
end

function M:to_PEM() return self:tostring "PEM" end

-- ---- what it says ----

function M:get_version() return tonumber(C.X509_CRL_get_version(self.ctx)) + 1 end
function M:get_issuer_name() return name_lib.dup(C.X509_CRL_get_issuer(self.ctx)) end
function M:get_last_update() return asn1.asn1_to_unix(C.X509_CRL_get0_lastUpdate(self.ctx)) end
function M:get_next_update() return asn1.asn1_to_unix(C.X509_CRL_get0_nextUpdate(self.ctx)) end
function M:get_signature_nid() return C.X509_CRL_get_signature_nid(self.ctx) end

function M:get_signature_name()
  local nid = C.X509_CRL_get_signature_nid(self.ctx)
  return nid > 0 and ffi.string(C.OBJ_nid2sn(nid)) or nil
end

-- revocation_of(serial) is when the certificate of that number (a bn) was revoked; nil where it was not.
function M:revocation_of(serial)
  local number = ffi.gc(C.BN_to_ASN1_INTEGER(serial.ctx, nil), C.ASN1_STRING_free)
  local out = ffi.new("X509_REVOKED *[1]")
  if C.X509_CRL_get0_by_serial(self.ctx, out, number) ~= 1 then return nil end
  return asn1.asn1_to_unix(C.X509_REVOKED_get0_revocationDate(out[0]))
end

-- ---- making one ----

local function done(ok, where)
  if ok ~= 1 then return crypto.failure(where) end
  return true
end

function M:set_version(v) return done(C.X509_CRL_set_version(self.ctx, v - 1), "x509.crl:set_version") end
function M:set_issuer_name(name) return done(C.X509_CRL_set_issuer_name(self.ctx, name.ctx), "x509.crl:set_issuer_name") end

local function time_setter(set, where)
  return function(self, t)
    local s, err = asn1.time(t)
    if not s then return false, where .. ": " .. err .. " at #1" end
    return done(set(self.ctx, s), where)
  end
end
M.set_last_update = time_setter(C.X509_CRL_set1_lastUpdate, "x509.crl:set_last_update")
M.set_next_update = time_setter(C.X509_CRL_set1_nextUpdate, "x509.crl:set_next_update")

function M:add_revoked(entry)
  if not revoked.istype(entry) then return false, "x509.crl:add_revoked: expect a revoked instance at #1" end
  local copy = C.X509_REVOKED_dup(entry.ctx)
  if copy == nil or C.X509_CRL_add0_revoked(self.ctx, copy) ~= 1 then
    if copy ~= nil then C.X509_REVOKED_free(copy) end
    return crypto.failure("x509.crl:add_revoked")
  end
  return true
end

require("gibbon.x509_extensions").install(M, "x509.crl", {
  list = function(self)
    local list = {}
    for i = 0, C.X509_CRL_get_ext_count(self.ctx) - 1 do list[i + 1] = extension.dup(C.X509_CRL_get_ext(self.ctx, i)) end
    return list
  end,
  add = function(self, ext) return C.X509_CRL_add_ext(self.ctx, ext.ctx, -1) == 1 end,
  replace = function(self, i, ext)
    C.X509_EXTENSION_free(C.X509_CRL_delete_ext(self.ctx, i - 1))
    return C.X509_CRL_add_ext(self.ctx, ext.ctx, i - 1) == 1
  end,
})

function M:sign(key, digest)
  local md = crypto.digest(type(digest) == "table" and digest.name or digest or "sha256")
  if key:get_key_type().id > 1080 then md = nil end
  C.X509_CRL_sort(self.ctx)
  if C.X509_CRL_sign(self.ctx, key.ctx, md) <= 0 then return crypto.failure("x509.crl:sign") end
  return true
end

function M:verify(key) return C.X509_CRL_verify(self.ctx, key.ctx) == 1 end

return M
