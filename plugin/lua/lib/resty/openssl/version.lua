-- resty.openssl.version: the version of OpenSSL
local ffi = require "ffi"
pcall(ffi.cdef, "unsigned long OpenSSL_version_num(void); const char *OpenSSL_version(int t); const char *OPENSSL_info(int t);")
local C = ffi.C
local num = tonumber(C.OpenSSL_version_num())

local function text(p) if p ~= nil then return ffi.string(p) end end

return {
  version_num = num, version_text = ffi.string(C.OpenSSL_version(0)),
  OPENSSL_3X = num >= 0x30000000, OPENSSL_30 = num >= 0x30000000, OPENSSL_111_OR_LATER = true, OPENSSL_11_OR_LATER = true, OPENSSL_10 = false, OPENSSL_11 = false,
  BORINGSSL = false,
  VERSION = 0, CFLAGS = 1, BUILT_ON = 2, PLATFORM = 3, DIR = 4, ENGINES_DIR = 5, VERSION_STRING = 6, FULL_VERSION_STRING = 7, MODULES_DIR = 8, CPU_INFO = 9,
  INFO_CONFIG_DIR = 1001, INFO_ENGINES_DIR = 1002, INFO_MODULES_DIR = 1003, INFO_DSO_EXTENSION = 1004, INFO_DIR_FILENAME_SEPARATOR = 1005,
  INFO_LIST_SEPARATOR = 1006, INFO_SEED_SOURCE = 1007, INFO_CPU_SETTINGS = 1008,
  version = function(t) return text(C.OpenSSL_version(t or 0)) end,
  info = function(t) return text(C.OPENSSL_info(t)) end,
}
