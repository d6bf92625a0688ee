-- The PEM text of OpenSSL's objects: those of resty.openssl here, and those of a library of the user's own that has them
-- by FFI.
local crypto = require "gibbon.crypto"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
OPENSSL_STACK *X509_STORE_get1_all_certs(X509_STORE *st);
OPENSSL_STACK *X509_STORE_get0_objects(const X509_STORE *xs);
int X509_OBJECT_get_type(const void *a);
int PEM_write_bio_X509(BIO *bp, X509 *x);
void X509_free(X509 *a);
void OPENSSL_sk_free(OPENSSL_STACK *s);
int OPENSSL_sk_num(const OPENSSL_STACK *s);
void *OPENSSL_sk_value(const OPENSSL_STACK *s, int i);
]]

local M = {}
local store_type, stack_type = ffi.typeof("X509_STORE *"), ffi.typeof("OPENSSL_STACK *")
local certificate_type, key_type = ffi.typeof("X509 *"), ffi.typeof("EVP_PKEY *")

local function certificate(p) return crypto.text(C.PEM_write_bio_X509, p) or "" end

local function stack(s)
  local out = {}
  for i = 0, C.OPENSSL_sk_num(s) - 1 do out[i + 1] = certificate(ffi.cast(certificate_type, C.OPENSSL_sk_value(s, i))) end
  return table.concat(out)
end

local function store(s)
  local all = C.X509_STORE_get1_all_certs(s)
  if all == nil then return "" end
  local text = stack(all)
  for i = 0, C.OPENSSL_sk_num(all) - 1 do C.X509_free(ffi.cast(certificate_type, C.OPENSSL_sk_value(all, i))) end
  C.OPENSSL_sk_free(all)
  return text
end

-- is_store(v): an object of resty.openssl.x509.store?
function M.is_store(v) return type(v) == "table" and type(v.ctx) == "cdata" and ffi.istype(store_type, v.ctx) end

local CRL = 2 -- X509_LU_CRL

-- has_lists(ctx): are there revocation lists in a store? Their text would not be among that of its certificates.
function M.has_lists(ctx)
  local all = C.X509_STORE_get0_objects(ctx)
  for i = 0, C.OPENSSL_sk_num(all) - 1 do
    if C.X509_OBJECT_get_type(C.OPENSSL_sk_value(all, i)) == CRL then return true end
  end
  return false
end

-- of(v): the text of a pointer; nil for pointers of other types.
function M.of(v)
  if ffi.istype(store_type, v) then return store(v) end
  if ffi.istype(stack_type, v) then return stack(v) end
  if ffi.istype(certificate_type, v) then return certificate(v) end
  if ffi.istype(key_type, v) then return crypto.text(C.PEM_write_bio_PrivateKey, v, nil, nil, 0, nil, nil) end
end

return M
