-- resty.openssl: libcrypto for plugins. Its modules are loaded when they are asked for.
local M = { _VERSION = "1.5.1" }
local modules = { "bn", "cipher", "digest", "hmac", "kdf", "mac", "pkey", "rand", "version", "x509" }

function M.load_modules()
  for _, name in ipairs(modules) do M[name] = require("resty.openssl." .. name) end
  M.x509.chain, M.x509.name = require "resty.openssl.x509.chain", require "resty.openssl.x509.name"
  M.x509.store, M.x509.csr = require "resty.openssl.x509.store", require "resty.openssl.x509.csr"
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
end })
