-- resty.openssl.x509.store: what certificates are checked against.
local crypto = require "gibbon.crypto"
local x509 = require "resty.openssl.x509"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
X509_STORE *X509_STORE_new(void);
void X509_STORE_free(X509_STORE *v);
int X509_STORE_add_cert(X509_STORE *ctx, X509 *x);
int X509_STORE_add_crl(X509_STORE *ctx, X509_CRL *x);
int X509_STORE_set_default_paths(X509_STORE *ctx);
int X509_STORE_load_locations(X509_STORE *ctx, const char *file, const char *dir);
int X509_STORE_set_flags(X509_STORE *ctx, unsigned long flags);
int X509_STORE_set_purpose(X509_STORE *ctx, int purpose);
int X509_STORE_set_depth(X509_STORE *store, int depth);
int X509_PURPOSE_get_by_sname(const char *sname);
int X509_PURPOSE_get_id(const void *p);
void *X509_PURPOSE_get0(int idx);
X509_STORE_CTX *X509_STORE_CTX_new(void);
void X509_STORE_CTX_free(X509_STORE_CTX *ctx);
int X509_STORE_CTX_init(X509_STORE_CTX *ctx, X509_STORE *store, X509 *x509, OPENSSL_STACK *chain);
int X509_verify_cert(X509_STORE_CTX *ctx);
int X509_STORE_CTX_get_error(const X509_STORE_CTX *ctx);
OPENSSL_STACK *X509_STORE_CTX_get0_chain(const X509_STORE_CTX *ctx);
const char *X509_verify_cert_error_string(long n);
]]

local M = { verify_flags = { X509_V_FLAG_CRL_CHECK = 0x4, X509_V_FLAG_CRL_CHECK_ALL = 0x8, X509_V_FLAG_X509_STRICT = 0x20,
  X509_V_FLAG_PARTIAL_CHAIN = 0x80000, X509_V_FLAG_NO_CHECK_TIME = 0x200000 } }
local mt = { __index = M }

function M.new() return setmetatable({ ctx = ffi.gc(C.X509_STORE_new(), C.X509_STORE_free), kept = {} }, mt) end
function M.istype(v) return type(v) == "table" and getmetatable(v) == mt end

function M:use_default()
  if C.X509_STORE_set_default_paths(self.ctx) ~= 1 then return crypto.failure("x509.store:use_default") end
  return true
end

function M:add(item)
  local list = not x509.istype(item) and require("resty.openssl.x509.crl").istype(item)
  if not list and not x509.istype(item) then return nil, "x509.store:add: expect an x509 or crl instance at #1" end
  if (list and C.X509_STORE_add_crl or C.X509_STORE_add_cert)(self.ctx, item.ctx) ~= 1 then return crypto.failure("x509.store:add") end
  self.kept[#self.kept + 1] = item
  return true
end

function M:load_file(path)
  if C.X509_STORE_load_locations(self.ctx, path, nil) ~= 1 then return crypto.failure("x509.store:load_file") end
  return true
end

function M:load_directory(path)
  if C.X509_STORE_load_locations(self.ctx, nil, path) ~= 1 then return crypto.failure("x509.store:load_directory") end
  return true
end

function M:set_flags(...)
  local flags = 0
  for i = 1, select("#", ...) do flags = require("bit").bor(flags, (select(i, ...))) end
  C.X509_STORE_set_flags(self.ctx, flags)
  return true
end

function M:set_purpose(name)
  local i = C.X509_PURPOSE_get_by_sname(name)
  if i < 0 then return nil, 'invalid purpose "' .. tostring(name) .. '"' end
  C.X509_STORE_set_purpose(self.ctx, C.X509_PURPOSE_get_id(C.X509_PURPOSE_get0(i)))
  return true
end

function M:set_depth(n)
  C.X509_STORE_set_depth(self.ctx, n)
  return true
end

-- verify(cert, chain, return_chain) gives true or the chain; nil, text.
function M:verify(cert, chain, return_chain)
  local ctx = ffi.gc(C.X509_STORE_CTX_new(), C.X509_STORE_CTX_free)
  if C.X509_STORE_CTX_init(ctx, self.ctx, cert.ctx, chain and chain.ctx or nil) ~= 1 then return crypto.failure("x509.store:verify") end
  if C.X509_verify_cert(ctx) ~= 1 then
    local code = C.X509_STORE_CTX_get_error(ctx)
    C.ERR_clear_error()
    return nil, ffi.string(C.X509_verify_cert_error_string(code))
  end
  if not return_chain then return true end
  return require("resty.openssl.x509.chain").adopt(C.X509_STORE_CTX_get0_chain(ctx))
end

return M
