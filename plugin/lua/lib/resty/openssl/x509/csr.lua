-- resty.openssl.x509.csr: certificate signing requests.
local crypto = require "gibbon.crypto"
local pkey = require "resty.openssl.pkey"
local name_lib = require "resty.openssl.x509.name"
require "resty.openssl.x509"
local extension = require "resty.openssl.x509.extension"
local extensions = require "gibbon.x509_extensions"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
X509_REQ *X509_REQ_new(void);
void X509_REQ_free(X509_REQ *a);
X509_REQ *PEM_read_bio_X509_REQ(BIO *bp, X509_REQ **x, void *cb, void *u);
int PEM_write_bio_X509_REQ(BIO *bp, X509_REQ *x);
X509_REQ *d2i_X509_REQ_bio(BIO *bp, X509_REQ **x);
int i2d_X509_REQ_bio(BIO *bp, X509_REQ *x);
X509_NAME *X509_REQ_get_subject_name(const X509_REQ *req);
int X509_REQ_set_subject_name(X509_REQ *req, const X509_NAME *name);
EVP_PKEY *X509_REQ_get_pubkey(X509_REQ *req);
int X509_REQ_set_pubkey(X509_REQ *x, EVP_PKEY *pkey);
int X509_REQ_set_version(X509_REQ *x, long version);
int X509_REQ_sign(X509_REQ *x, EVP_PKEY *pkey, const EVP_MD *md);
int X509_REQ_verify(X509_REQ *a, EVP_PKEY *r);
int X509_REQ_add_extensions(X509_REQ *req, const OPENSSL_STACK *ext);
OPENSSL_STACK *OPENSSL_sk_new_null(void);
void OPENSSL_sk_free(OPENSSL_STACK *s);
int OPENSSL_sk_push(OPENSSL_STACK *s, const void *data);
int OPENSSL_sk_num(const OPENSSL_STACK *s);
void *OPENSSL_sk_value(const OPENSSL_STACK *s, int i);
long X509_REQ_get_version(const X509_REQ *req);
int X509_REQ_get_signature_nid(const X509_REQ *req);
int X509_REQ_check_private_key(X509_REQ *x, EVP_PKEY *k);
OPENSSL_STACK *X509_REQ_get_extensions(X509_REQ *req);
int X509_REQ_get_attr_by_NID(const X509_REQ *req, int nid, int lastpos);
void *X509_REQ_delete_attr(X509_REQ *req, int loc);
void X509_ATTRIBUTE_free(void *a);
]]

local M = {}
local mt = { __index = M, __tostring = function(self) return (self:tostring()) end }
local function wrap(p) return setmetatable({ ctx = ffi.gc(p, C.X509_REQ_free) }, mt) end

function M.new(s, format)
  if s == nil then return wrap(C.X509_REQ_new()) end
  local p
  if format ~= "DER" then p = C.PEM_read_bio_X509_REQ(crypto.bio(s), nil, nil, nil) end
  if p == nil and format ~= "PEM" then p = C.d2i_X509_REQ_bio(crypto.bio(s), nil) end
  if p == nil then return crypto.failure("x509.csr.new") end
  C.ERR_clear_error()
  return wrap(p)
end

function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:tostring(format)
  local text = crypto.text(format == "DER" and C.i2d_X509_REQ_bio or C.PEM_write_bio_X509_REQ, self.ctx)
  if not text then return crypto.failure("x509.csr:tostring") end
  return text
end

function M:to_PEM() return self:tostring "PEM" end
function M:get_subject_name() return name_lib.dup(C.X509_REQ_get_subject_name(self.ctx)) end

function M:set_subject_name(name)
  if C.X509_REQ_set_subject_name(self.ctx, name.ctx) ~= 1 then return crypto.failure("x509.csr:set_subject_name") end
  return true
end

function M:get_pubkey()
  local p = C.X509_REQ_get_pubkey(self.ctx)
  if p == nil then return crypto.failure("x509.csr:get_pubkey") end
  return pkey.adopt(p, false)
end

function M:set_pubkey(key)
  if C.X509_REQ_set_pubkey(self.ctx, key.ctx) ~= 1 then return crypto.failure("x509.csr:set_pubkey") end
  return true
end

function M:set_version(v)
  C.X509_REQ_set_version(self.ctx, v - 1)
  return true
end

function M:get_version() return tonumber(C.X509_REQ_get_version(self.ctx)) + 1 end
function M:get_signature_nid() return C.X509_REQ_get_signature_nid(self.ctx) end

function M:get_signature_name()
  local nid = C.X509_REQ_get_signature_nid(self.ctx)
  return nid > 0 and ffi.string(C.OBJ_nid2sn(nid)) or nil
end

function M:check_private_key(key)
  if C.X509_REQ_check_private_key(self.ctx, key.ctx) == 1 then return true end
  return false, select(2, crypto.failure("x509.csr:check_private_key"))
end

-- ---- extensions: one attribute has them all ----

local EXT_REQ = 172 -- NID_ext_req

local function list(self)
  local stack, out = C.X509_REQ_get_extensions(self.ctx), {}
  if stack == nil then return out end
  for i = 0, C.OPENSSL_sk_num(stack) - 1 do out[i + 1] = extension.adopt(ffi.cast("X509_EXTENSION *", C.OPENSSL_sk_value(stack, i))) end
  C.OPENSSL_sk_free(stack)
  return out
end

local function write(self, all)
  local at = C.X509_REQ_get_attr_by_NID(self.ctx, EXT_REQ, -1)
  if at >= 0 then C.X509_ATTRIBUTE_free(C.X509_REQ_delete_attr(self.ctx, at)) end
  local stack = ffi.gc(C.OPENSSL_sk_new_null(), C.OPENSSL_sk_free)
  for _, ext in ipairs(all) do C.OPENSSL_sk_push(stack, ext.ctx) end
  return C.X509_REQ_add_extensions(self.ctx, stack) == 1
end

extensions.install(M, "x509.csr", {
  list = list,
  add = function(self, ext)
    local all = list(self)
    all[#all + 1] = ext
    return write(self, all)
  end,
  replace = function(self, i, ext)
    local all = list(self)
    all[i] = ext
    return write(self, all)
  end,
})
extensions.alternative(M, "x509.csr", "subject_alt_name", "subjectAltName")
M.set_subject_alt = M.set_subject_alt_name

function M:sign(key, digest)
  local md = crypto.digest(type(digest) == "table" and digest.name or digest or "sha256")
  if key:get_key_type().id > 1080 then md = nil end
  if C.X509_REQ_sign(self.ctx, key.ctx, md) <= 0 then return crypto.failure("x509.csr:sign") end
  return true
end

function M:verify(key) return C.X509_REQ_verify(self.ctx, (key or self:get_pubkey()).ctx) == 1 end

return M
