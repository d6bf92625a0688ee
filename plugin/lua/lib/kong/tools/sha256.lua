-- kong.tools.sha256: SHA-256 of strings
local native = require "gibbon.native"
return {
  sha256_hex = function(s) return native.to_hex(native.digest("sha256", tostring(s))) end,
  sha256_bin = function(s) return native.digest("sha256", tostring(s)) end,
  sha256_base64 = function(s) return native.encode_base64(native.digest("sha256", tostring(s))) end,
  sha256_base64url = function(s) return native.encode_base64url(native.digest("sha256", tostring(s))) end,
}
