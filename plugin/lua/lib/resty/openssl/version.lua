-- resty.openssl.version: the version of OpenSSL
local ffi = require "ffi"
pcall(ffi.cdef, "unsigned long OpenSSL_version_num(void); const char *OpenSSL_version(int t);")
local num = tonumber(ffi.C.OpenSSL_version_num())
return { version_num = num, version_text = ffi.string(ffi.C.OpenSSL_version(0)), OPENSSL_3X = num >= 0x30000000, OPENSSL_111_OR_LATER = true,
  OPENSSL_11_OR_LATER = true, OPENSSL_10 = false, OPENSSL_11 = false, BORINGSSL = false,
  version = function(t) return ffi.string(ffi.C.OpenSSL_version(t or 0)) end }
