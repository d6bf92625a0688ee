-- ndk.set_var: the transformations of the set_* directives that plugins call.
local native = require "gibbon.native"

local M = {
  set_escape_uri = native.escape_uri,
  set_unescape_uri = native.unescape_uri,
  set_encode_base64 = function(s) return native.encode_base64(s) end,
  set_decode_base64 = function(s) return native.decode_base64(s) or "" end,
  set_md5 = native.md5,
  set_sha1 = function(s) return native.to_hex(native.sha1_bin(s)) end,
  set_encode_hex = function(s) return native.to_hex(tostring(s)) end,
  set_decode_hex = function(s) return (s:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)) end,
  set_quote_sql_str = native.quote_sql_str,
  set_hmac_sha1 = native.hmac_sha1,
}
M.set_quote_json_str = function(s) return require("cjson").encode(tostring(s)) end

return setmetatable(M, {
  __index = function(_, name) error("ndk.set_var: the directive \"" .. tostring(name) .. "\" is not available", 2) end,
})
