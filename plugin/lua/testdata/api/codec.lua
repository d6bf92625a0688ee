-- Encodings and digests of ngx and ngx.base64.
local b64 = require "ngx.base64"

function P:access()
  is("base64", '"aGVsbG8=", "aGVsbG8", "hello", nil', ngx.encode_base64("hello"), ngx.encode_base64("hello", true), ngx.decode_base64("aGVsbG8="), ngx.decode_base64("a*"))
  is("base64 of other types", '"MTI=", "", "dHJ1ZQ=="', ngx.encode_base64(12), ngx.encode_base64(nil), ngx.encode_base64(true))
  is("base64url", '"-_8", "\\xfb\\xff", nil, "invalid input"', b64.encode_base64url("\251\255"), b64.decode_base64url("-_8"), b64.decode_base64url("+/"))
  is("uri", '"a%20b%2Fc", "a%20b/c", "a b c"', ngx.escape_uri("a b/c"), ngx.escape_uri("a b/c", 0), ngx.unescape_uri("a%20b+c"))
  is("args", '"a=1&a=2&b&c=x%20y"', (function()
    local t = { a = { 1, 2 } }
    local s = ngx.encode_args(t) .. "&" .. ngx.encode_args({ b = true }) .. "&" .. ngx.encode_args({ c = "x y" })
    return s
  end)())
  is("decode", '{a={"1" "2"} b=true c="x y" d=""}', ngx.decode_args("a=1&a=2&b&c=x+y&d="))
  is("decode limit", '{a="1"}, "truncated"', ngx.decode_args("a=1&b=2", 1))
  is("md5", '"5d41402abc4b2a76b9719d911017c592", 16', ngx.md5("hello"), #ngx.md5_bin("hello"))
  is("sha1", '"qvTGHdzF6KLavt4PO0gs2a6pQ00="', ngx.encode_base64(ngx.sha1_bin("hello")))
  is("hmac", '"s0zqxFFv8joUPmHXnQ+npPvl8mY="', ngx.encode_base64(ngx.hmac_sha1("key", "hello")))
  is("crc", "907060870, 907060870", ngx.crc32_short("hello"), ngx.crc32_long("hello"))
  is("sql", [["'it\x5c's'"]], ngx.quote_sql_str("it's"))
  is("ndk", [["'it\x5c's'", "a%20b", "a b", "ff", "aGk="]], ndk.set_var.set_quote_sql_str("it's"), ndk.set_var.set_escape_uri("a b"),
    ndk.set_var.set_unescape_uri("a%20b"), ndk.set_var.set_encode_hex("\255"), ndk.set_var.set_encode_base64("hi"))
  for name, want in pairs({ sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", sha1 = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
    md5 = "5d41402abc4b2a76b9719d911017c592" }) do
    local d = require("resty." .. name):new()
    d:update("hel")
    d:update("lo")
    is(name, '"' .. want .. '"', require("resty.string").to_hex(d:final()))
  end
  local h = require("resty.hmac")
  local m = h:new("key", h.ALGOS.SHA256)
  is("hmac sha256", '"9307b3b915efb5171ff14d8cb55fbcc798c6c0ef1456d66ded1a6aa723a58b7b"', m:final("hello", true))
end
