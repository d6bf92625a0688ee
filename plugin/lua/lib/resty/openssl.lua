-- resty.openssl: libcrypto for plugins. Its modules are loaded when they are asked for.
local M = { _VERSION = "1.5.1" }
local modules = { "asn1", "bn", "cipher", "digest", "hmac", "kdf", "mac", "objects", "pkcs12", "pkey", "provider", "rand", "version", "x509" }
local of_x509 = { "altname", "chain", "crl", "csr", "extension", "extensions", "name", "revoked", "store" }

function M.load_modules()
  for _, name in ipairs(modules) do M[name] = require("resty.openssl." .. name) end
  for _, name in ipairs(of_x509) do
    M[name] = require("resty.openssl.x509." .. name)
    M.x509[name] = M[name]
  end
end

function M.set_fips_mode(enable) if enable then return nil, "FIPS mode is not available" end return true end
function M.get_fips_mode() return false end
function M.list_digest_algorithms() return { "MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA512-256", "SHA3-256", "SHA3-512", "BLAKE2b512" } end
function M.list_mac_algorithms() return { "HMAC", "CMAC", "GMAC", "KMAC128", "KMAC256", "POLY1305", "SIPHASH" } end

return setmetatable(M, { __index = function(t, k)
  for _, name in ipairs(modules) do
    if name == k then
      local m = require("resty.openssl." .. name)
      rawset(t, k, m)
      return m
    end
  end
  for _, name in ipairs(of_x509) do
    if name == k then
      local m = require("resty.openssl.x509." .. name)
      rawset(t, k, m)
      return m
    end
  end
end })
