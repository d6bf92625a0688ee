-- resty.openssl.x509: certificates, read and made.
local crypto = require "gibbon.crypto"
local bn = require "resty.openssl.bn"
local pkey = require "resty.openssl.pkey"
local asn1 = require "resty.openssl.asn1"
local extension = require "resty.openssl.x509.extension"
local extensions = require "gibbon.x509_extensions"
local name_lib = require "resty.openssl.x509.name"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
typedef struct tm gibbon_unused_tm;
struct gibbon_tm { int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst; long gmtoff; const char *zone; };
X509 *X509_new(void);
void X509_free(X509 *a);
X509 *X509_dup(X509 *a);
int X509_up_ref(X509 *a);
X509 *PEM_read_bio_X509(BIO *bp, X509 **x, void *cb, void *u);
int PEM_write_bio_X509(BIO *bp, X509 *x);
X509 *d2i_X509_bio(BIO *bp, X509 **x);
int i2d_X509_bio(BIO *bp, X509 *x);
long X509_get_version(const X509 *x);
int X509_set_version(X509 *x, long version);
ASN1_STRING *X509_get_serialNumber(X509 *x);
int X509_set_serialNumber(X509 *x, ASN1_STRING *serial);
X509_NAME *X509_get_subject_name(const X509 *a);
X509_NAME *X509_get_issuer_name(const X509 *a);
int X509_set_subject_name(X509 *x, const X509_NAME *name);
int X509_set_issuer_name(X509 *x, const X509_NAME *name);
const ASN1_STRING *X509_get0_notBefore(const X509 *x);
const ASN1_STRING *X509_get0_notAfter(const X509 *x);
int X509_set1_notBefore(X509 *x, const ASN1_STRING *tm);
int X509_set1_notAfter(X509 *x, const ASN1_STRING *tm);
EVP_PKEY *X509_get_pubkey(X509 *x);
int X509_set_pubkey(X509 *x, EVP_PKEY *pkey);
int X509_sign(X509 *x, EVP_PKEY *pkey, const EVP_MD *md);
int X509_verify(X509 *a, EVP_PKEY *r);
int X509_check_private_key(const X509 *x, const EVP_PKEY *k);
int X509_digest(const X509 *data, const EVP_MD *type, unsigned char *md, unsigned int *len);
int X509_pubkey_digest(const X509 *data, const EVP_MD *type, unsigned char *md, unsigned int *len);
int X509_get_signature_nid(const X509 *x);
const char *OBJ_nid2sn(int n);
int X509_check_host(X509 *x, const char *chk, size_t chklen, unsigned int flags, char **peername);
int X509_check_ca(X509 *x);
long X509_get_pathlen(X509 *x);
int X509_cmp(const X509 *a, const X509 *b);
X509_EXTENSION *X509_get_ext(const X509 *x, int loc);
int X509_get_ext_count(const X509 *x);
int X509_add_ext(X509 *x, X509_EXTENSION *ex, int loc);
X509_EXTENSION *X509_delete_ext(X509 *x, int loc);
]]

local M = {}
local mt = { __index = M, __tostring = function(self) return (self:tostring()) end }

-- adopt(p) is the object of an X509 that is now its own.
local function adopt(p) return setmetatable({ ctx = ffi.gc(p, C.X509_free) }, mt) end
M.adopt = adopt

function M.dup(p)
  if type(p) == "table" then p = p.ctx end
  return adopt(C.X509_dup(p))
end

-- new(text, "PEM" or "DER") reads a certificate; new() makes an empty one.
function M.new(s, format)
  if s == nil then return adopt(C.X509_new()) end
  if type(s) ~= "string" then return nil, "x509.new: expect nil or a string at #1" end
  local p
  if format ~= "DER" then p = C.PEM_read_bio_X509(crypto.bio(s), nil, nil, nil) end
  if p == nil and format ~= "PEM" then p = C.d2i_X509_bio(crypto.bio(s), nil) end
  if p == nil then return crypto.failure("x509.new") end
  C.ERR_clear_error()
  return adopt(p)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

mt.__eq = function(a, b) return C.X509_cmp(a.ctx, b.ctx) == 0 end

function M:tostring(format)
  local text = crypto.text(format == "DER" and C.i2d_X509_bio or C.PEM_write_bio_X509, self.ctx)
  if not text then return crypto.failure("x509:tostring") end
  return text
end

function M:to_PEM() return self:tostring "PEM" end

-- ---- what it says ----

function M:get_version() return tonumber(C.X509_get_version(self.ctx)) + 1 end
function M:get_serial_number() return bn.adopt(C.ASN1_INTEGER_to_BN(C.X509_get_serialNumber(self.ctx), nil)) end
function M:get_subject_name() return name_lib.dup(C.X509_get_subject_name(self.ctx)) end
function M:get_issuer_name() return name_lib.dup(C.X509_get_issuer_name(self.ctx)) end

function M:get_not_before() return asn1.asn1_to_unix(C.X509_get0_notBefore(self.ctx)) end
function M:get_not_after() return asn1.asn1_to_unix(C.X509_get0_notAfter(self.ctx)) end

function M:get_lifetime()
  local from, err = self:get_not_before()
  if not from then return nil, nil, err end
  return from, self:get_not_after()
end

function M:get_pubkey()
  local p = C.X509_get_pubkey(self.ctx)
  if p == nil then return crypto.failure("x509:get_pubkey") end
  return pkey.adopt(p, false)
end

function M:get_signature_nid() return C.X509_get_signature_nid(self.ctx) end
function M:get_signature_name()
  local nid = C.X509_get_signature_nid(self.ctx)
  return nid > 0 and ffi.string(C.OBJ_nid2sn(nid)) or nil
end
function M:get_signature_digest_name()
  local sn = self:get_signature_name()
  return sn and (sn:match("SHA%d+") or sn:match("MD5")) or nil
end

local buf, n = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")

local function digest_of(how, where)
  return function(self, name)
    local md = crypto.digest(name or "sha1")
    if not md then return nil, where .. ': invalid digest type "' .. tostring(name) .. '"' end
    if how(self.ctx, md, buf, n) ~= 1 then return crypto.failure(where) end
    return ffi.string(buf, n[0])
  end
end
M.digest, M.pubkey_digest = digest_of(C.X509_digest, "x509:digest"), digest_of(C.X509_pubkey_digest, "x509:pubkey_digest")

-- ---- extensions ----

extensions.install(M, "x509", {
  list = function(self)
    local list = {}
    for i = 0, C.X509_get_ext_count(self.ctx) - 1 do list[i + 1] = extension.dup(C.X509_get_ext(self.ctx, i)) end
    return list
  end,
  add = function(self, ext) return C.X509_add_ext(self.ctx, ext.ctx, -1) == 1 end,
  replace = function(self, i, ext)
    C.X509_EXTENSION_free(C.X509_delete_ext(self.ctx, i - 1))
    return C.X509_add_ext(self.ctx, ext.ctx, i - 1) == 1
  end,
})

extensions.alternative(M, "x509", "subject_alt_name", "subjectAltName")
extensions.alternative(M, "x509", "issuer_alt_name", "issuerAltName")
extensions.stored(M, "x509", "info_access", "authorityInfoAccess", "resty.openssl.x509.extension.info_access")
extensions.stored(M, "x509", "crl_distribution_points", "crlDistributionPoints", "resty.openssl.x509.extension.dist_points")

extensions.named(M, "x509", "basic_constraints", "basicConstraints", function(ext, what)
  local text = ext:text()
  local t = { ca = text:find("CA:TRUE", 1, true) ~= nil, pathlen = tonumber(text:match("pathlen:(%d+)") or 0) }
  if what then return t[what:lower()] end
  return t
end, function(given)
  if type(given) ~= "table" then return nil, "expect a table at #1" end
  local t = {}
  for k, v in pairs(given) do t[k:lower()] = v end
  return extension.new("basicConstraints", "CA:" .. (t.ca and "TRUE" or "FALSE") .. (t.pathlen and ",pathlen:" .. ("%d"):format(t.pathlen) or ""))
end)

-- urls(all, list): the first of a list, or the list; nil where it is empty.
local function urls(all, list)
  if all then return list[1] and list or nil end
  return list[1]
end

local OCSP = 178

function M:get_ocsp_url(all)
  local info, err = self:get_info_access()
  if not info then return nil, err end
  local list = {}
  for _, e in ipairs(info) do
    if e[1] == OCSP and e[2] == "URI" then list[#list + 1] = e[3] end
  end
  return urls(all, list)
end

function M:get_crl_url(all)
  local points, err = self:get_crl_distribution_points()
  if not points then return nil, err end
  local list = {}
  for _, point in ipairs(points) do
    for kind, value in point:each() do
      if kind == "URI" then list[#list + 1] = value end
    end
  end
  return urls(all, list)
end

function M:get_critical(what) return self:get_extension_critical(what) or false end

-- ---- checks ----

function M:verify(key) return C.X509_verify(self.ctx, key.ctx) == 1 end

function M:check_private_key(key)
  if C.X509_check_private_key(self.ctx, key.ctx) == 1 then return true end
  return false, select(2, crypto.failure("x509:check_private_key"))
end

function M:check_host(host) return C.X509_check_host(self.ctx, host, #host, 0, nil) == 1 end
function M:is_ca() return C.X509_check_ca(self.ctx) > 0 end

-- ---- making one ----

local function setter(set, where)
  return function(self, v)
    if set(self.ctx, v) ~= 1 then return crypto.failure(where) end
    return true
  end
end

function M:set_version(v) return setter(C.X509_set_version, "x509:set_version")(self, v - 1) end
function M:set_subject_name(name) return setter(C.X509_set_subject_name, "x509:set_subject_name")(self, name.ctx) end
function M:set_issuer_name(name) return setter(C.X509_set_issuer_name, "x509:set_issuer_name")(self, name.ctx) end
function M:set_pubkey(key) return setter(C.X509_set_pubkey, "x509:set_pubkey")(self, key.ctx) end

function M:set_serial_number(v)
  local s = ffi.gc(C.BN_to_ASN1_INTEGER(v.ctx, nil), C.ASN1_STRING_free)
  return setter(C.X509_set_serialNumber, "x509:set_serial_number")(self, s)
end

local function time_setter(set, where)
  return function(self, t)
    local s, err = asn1.time(t)
    if not s then return false, where .. ": " .. err .. " at #1" end
    return setter(set, where)(self, s)
  end
end
M.set_not_before, M.set_not_after = time_setter(C.X509_set1_notBefore, "x509:set_not_before"), time_setter(C.X509_set1_notAfter, "x509:set_not_after")

function M:set_lifetime(from, to)
  local ok, err = self:set_not_before(from)
  if not ok then return nil, err end
  return self:set_not_after(to)
end

function M:sign(key, digest)
  local md = crypto.digest(type(digest) == "table" and digest.name or digest or "sha256")
  if key:get_key_type().id > 1080 then md = nil end
  if C.X509_sign(self.ctx, key.ctx, md) <= 0 then return crypto.failure("x509:sign") end
  return true
end

return M
