-- resty.openssl.x509.extension: extensions of certificates, requests and revocation lists
local crypto = require "gibbon.crypto"
local objects = require "resty.openssl.objects"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
X509_EXTENSION *X509_EXTENSION_dup(const X509_EXTENSION *a);
void X509_EXTENSION_free(X509_EXTENSION *a);
X509_EXTENSION *X509_EXTENSION_create_by_OBJ(X509_EXTENSION **ex, const ASN1_OBJECT *obj, int crit, ASN1_STRING *data);
ASN1_OBJECT *X509_EXTENSION_get_object(X509_EXTENSION *ex);
ASN1_STRING *X509_EXTENSION_get_data(X509_EXTENSION *ne);
int X509_EXTENSION_get_critical(const X509_EXTENSION *ex);
int X509_EXTENSION_set_critical(X509_EXTENSION *ex, int crit);
int X509V3_EXT_print(BIO *out, X509_EXTENSION *ext, unsigned long flag, int indent);
X509_EXTENSION *X509V3_EXT_nconf(void *conf, void *ctx, const char *name, const char *value);
void X509V3_set_ctx(void *ctx, X509 *issuer, X509 *subject, X509_REQ *req, X509_CRL *crl, int flags);
void X509V3_set_nconf(void *ctx, void *conf);
void *NCONF_new(void *meth);
void NCONF_free(void *conf);
int NCONF_load_bio(void *conf, BIO *bp, long *eline);
ASN1_STRING *ASN1_OCTET_STRING_new(void);
int ASN1_STRING_set(ASN1_STRING *str, const void *data, int len);
const unsigned char *ASN1_STRING_get0_data(const ASN1_STRING *x);
int ASN1_STRING_length(const ASN1_STRING *x);
]]

local M = {}
local mt = { __index = M, __tostring = function(self) return (self:text()) or "" end }

-- adopt(p) is the object of an X509_EXTENSION that is now its own; dup(p) of a copy.
function M.adopt(p) return setmetatable({ ctx = ffi.gc(p, C.X509_EXTENSION_free) }, mt) end

function M.dup(p)
  if M.istype(p) then p = p.ctx end
  local copy = C.X509_EXTENSION_dup(p)
  if copy == nil then return crypto.failure("x509.extension.dup") end
  return M.adopt(copy)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

-- context(data): an X509V3_CTX that knows the certificates and sections of data, and the configuration that has to live as long.
local function context(data)
  local ctx = ffi.new("uint64_t[32]") -- libcrypto's struct has about 8 words
  local given = type(data) == "table" and data or {}
  local function pointer(name) return given[name] and given[name].ctx or nil end
  C.X509V3_set_ctx(ctx, pointer "issuer", pointer "subject", pointer "request", pointer "crl", 0)
  local text = type(data) == "string" and data or ""
  local conf = ffi.gc(C.NCONF_new(nil), C.NCONF_free)
  if C.NCONF_load_bio(conf, crypto.bio(text), nil) ~= 1 then return nil end
  C.X509V3_set_nconf(ctx, conf)
  return ctx, conf
end

-- new(name, value, data) as openssl.cnf writes extensions ("critical,CA:TRUE"); data has the certificates that value refers to
-- (issuer, subject, request, crl), or is text with the sections that it names.
function M.new(name, value, data)
  if type(name) ~= "string" and type(name) ~= "number" then return nil, "x509.extension.new: expect a string or a number at #1" end
  if type(value) ~= "string" then return nil, "x509.extension.new: expect string at #2" end
  if type(name) == "number" then
    local known, err = objects.nid2table(name)
    if not known then return nil, "x509.extension.new: " .. err end
    name = known.sn
  end
  local ctx, conf = context(data)
  if not ctx then return crypto.failure("x509.extension.new") end
  local p = C.X509V3_EXT_nconf(conf, ctx, name, value)
  if p == nil then return crypto.failure("x509.extension.new") end
  C.ERR_clear_error()
  return M.adopt(p)
end

-- from_der(der, nid_or_txt, crit): der is the extension's value.
function M.from_der(der, what, critical)
  if type(der) ~= "string" then return nil, "x509.extension.from_der: expect a string at #1" end
  local object, err = objects.object(what)
  if not object then return nil, "x509.extension.from_der: " .. err end
  local s = ffi.gc(C.ASN1_OCTET_STRING_new(), C.ASN1_STRING_free)
  if C.ASN1_STRING_set(s, der, #der) ~= 1 then return crypto.failure("x509.extension.from_der") end
  local p = C.X509_EXTENSION_create_by_OBJ(nil, object, critical and 1 or 0, s)
  if p == nil then return crypto.failure("x509.extension.from_der") end
  return M.adopt(p)
end

-- from_data(v, nid_or_txt, crit): v is an altname, an info_access or dist_points.
function M.from_data(v, what, critical)
  for _, kind in ipairs { "altname", "extension.info_access", "extension.dist_points" } do
    local module = require("resty.openssl.x509." .. kind)
    if module.istype(v) then return M.from_der(module.der(v), what, critical) end
  end
  return nil, "x509.extension.from_data: expect a table at #1, one of x509.altname, info_access, dist_points"
end

function M:get_extension_critical() return C.X509_EXTENSION_get_critical(self.ctx) ~= 0 end
M.get_critical = M.get_extension_critical

function M:set_extension_critical(critical)
  if C.X509_EXTENSION_set_critical(self.ctx, critical and 1 or 0) ~= 1 then return crypto.failure("x509.extension:set_extension_critical") end
  return true
end
M.set_critical = M.set_extension_critical

function M:get_object() return C.X509_EXTENSION_get_object(self.ctx) end

-- data() is the value's bytes.
function M:data()
  local d = C.X509_EXTENSION_get_data(self.ctx)
  return ffi.string(C.ASN1_STRING_get0_data(d), C.ASN1_STRING_length(d))
end
M.to_der = M.data

-- text() as openssl prints it; of extensions that it does not know, the value's bytes.
function M:text()
  local text = crypto.text(function(b, e) return C.X509V3_EXT_print(b, e, 0, 0) end, self.ctx)
  if text then return text end
  C.ERR_clear_error()
  return self:data()
end
M.tostring = M.text

return M
