-- ngx.base64: base64url
local native = require "gibbon.native"
return { encode_base64url = native.encode_base64url, decode_base64url = native.decode_base64url }
