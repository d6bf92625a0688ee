-- resty.openssl.pkcs12: a key and its certificates under a password (PKCS#12)
local crypto = require "gibbon.crypto"
local objects = require "resty.openssl.objects"
local pkey = require "resty.openssl.pkey"
local x509 = require "resty.openssl.x509"
local chain = require "resty.openssl.x509.chain"
local ffi = require "ffi"
local C = crypto.C

ffi.cdef [[
typedef struct PKCS12_st PKCS12;
void PKCS12_free(PKCS12 *a);
PKCS12 *PKCS12_create(const char *pass, const char *name, EVP_PKEY *pkey, X509 *cert, OPENSSL_STACK *ca, int nid_key, int nid_cert, int iter,
  int mac_iter, int keytype);
int PKCS12_parse(PKCS12 *p12, const char *pass, EVP_PKEY **pkey, X509 **cert, OPENSSL_STACK **ca);
int i2d_PKCS12_bio(BIO *bp, const PKCS12 *p12);
PKCS12 *d2i_PKCS12_bio(BIO *bp, PKCS12 **p12);
unsigned char *X509_alias_get0(X509 *x, int *len);
void PKCS12_get0_mac(const ASN1_STRING **mac, const void **algorithm, const ASN1_STRING **salt, const ASN1_STRING **iter, const PKCS12 *p12);
long ASN1_INTEGER_get(const ASN1_STRING *a);
]]

local M = {}
-- A call of libcrypto cannot be interrupted; what a file asks for first is done before anybody knows who wrote it.
local MAX_ITERATIONS = 1000000

local function algorithm(v)
  if v == nil then return 0 end -- libcrypto's choice
  return objects.txtnid2nid(v)
end

-- encode(data, passphrase): data.key, data.cert, data.cacerts (a list), data.friendly_name, nid_key, nid_cert (0: AES-256), iter, mac_iter.
function M.encode(data, passphrase)
  if type(data) ~= "table" then return nil, "pkcs12.encode: expect a table at #1" end
  if passphrase ~= nil and type(passphrase) ~= "string" then return nil, "pkcs12.encode: expect passphrase to be a string" end
  if not pkey.istype(data.key) then return nil, "pkcs12.encode: expect data.key to be a pkey instance" end
  if not x509.istype(data.cert) then return nil, "pkcs12.encode: expect data.cert to be a x509 instance" end
  if not data.cert:check_private_key(data.key) then return nil, "pkcs12.encode: the key does not belong to the certificate" end
  local others = chain.new()
  for _, cert in ipairs(data.cacerts or {}) do
    local ok, err = others:add(cert)
    if not ok then return nil, "pkcs12.encode: data.cacerts: " .. err end
  end
  local nid_key, err = algorithm(data.nid_key)
  if not nid_key then return nil, "pkcs12.encode: " .. err end
  local nid_cert
  nid_cert, err = algorithm(data.nid_cert)
  if not nid_cert then return nil, "pkcs12.encode: " .. err end
  local iter, mac_iter = data.iter or 2048, data.mac_iter or 1
  for _, n in ipairs { iter, mac_iter } do
    if type(n) ~= "number" or n < 1 or n > MAX_ITERATIONS then return nil, "pkcs12.encode: expect numbers of iterations from 1 to " .. MAX_ITERATIONS end
  end
  local p = C.PKCS12_create(passphrase or "", data.friendly_name or "", data.key.ctx, data.cert.ctx, others:count() > 0 and others.ctx or nil, nid_key, nid_cert,
    iter, mac_iter, 0)
  if p == nil then return crypto.failure("pkcs12.encode") end
  p = ffi.gc(p, C.PKCS12_free)
  local text = crypto.text(C.i2d_PKCS12_bio, p)
  if not text then return crypto.failure("pkcs12.encode") end
  return text
end

-- decode(text, passphrase): { key, cert, cacerts, friendly_name }.
function M.decode(text, passphrase)
  if type(text) ~= "string" then return nil, "pkcs12.decode: expect a string at #1" end
  if passphrase ~= nil and type(passphrase) ~= "string" then return nil, "pkcs12.decode: expect passphrase to be a string" end
  local p = C.d2i_PKCS12_bio(crypto.bio(text), nil)
  if p == nil then return crypto.failure("pkcs12.decode") end
  p = ffi.gc(p, C.PKCS12_free)
  local iter = ffi.new("const ASN1_STRING *[1]")
  C.PKCS12_get0_mac(nil, nil, nil, iter, p)
  if iter[0] ~= nil then
    local n = tonumber(C.ASN1_INTEGER_get(iter[0]))
    if n < 0 or n > MAX_ITERATIONS then return nil, "pkcs12.decode: its MAC has more than " .. MAX_ITERATIONS .. " iterations" end
  end
  local key, cert, others = ffi.new("EVP_PKEY *[1]"), ffi.new("X509 *[1]"), ffi.new("OPENSSL_STACK *[1]")
  if C.PKCS12_parse(p, passphrase or "", key, cert, others) ~= 1 then return crypto.failure("pkcs12.decode") end
  C.ERR_clear_error()
  local out = { cacerts = {} }
  if key[0] ~= nil then out.key = pkey.adopt(key[0], true) end
  if cert[0] ~= nil then
    local n = ffi.new("int[1]")
    local alias = C.X509_alias_get0(cert[0], n)
    out.friendly_name = alias ~= nil and ffi.string(alias, n[0]) or nil
    out.cert = x509.adopt(cert[0])
  end
  if others[0] ~= nil then
    for i = 0, C.OPENSSL_sk_num(others[0]) - 1 do out.cacerts[i + 1] = x509.adopt(ffi.cast("X509 *", C.OPENSSL_sk_value(others[0], i))) end
    C.OPENSSL_sk_free(others[0])
  end
  return out
end

return M
