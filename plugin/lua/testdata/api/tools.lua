-- kong.tools and kong's own small modules.
function P:access()
  local str, tbl, ip = require "kong.tools.string", require "kong.tools.table", require "kong.tools.ip"
  is("split", '{"a" "b"}, {"a" "" "b"}', str.split("a,b", ","), str.split("a,,b", ","))
  is("strip", '"a b", ""', str.strip("  a b "), str.strip(nil))
  is("hex", '"6869"', str.to_hex("hi"))
  is("deep copy", "{a={1}}", tbl.cycle_aware_deep_copy({ a = { 1 } }))
  is("array", "true, false", tbl.is_array({ 1, 2 }), tbl.is_array({ a = 1 }))
  is("contains", "true, false", tbl.table_contains({ 1, 2 }, 2), tbl.table_contains({ 1 }, 3))
  is("concat", "{1 2}", tbl.concat({ 1 }, { 2 }))
  is("ip", "true, true, false", ip.is_valid_ip_or_cidr("10.0.0.0/8"), ip.is_valid_ip("::1"), ip.is_valid_ip("10.0.0.256"))
  is("host", '{host="h.test" port=80 type="name"}', ip.normalize_ip("h.test:80"))
  local uuid = require("kong.tools.uuid").uuid()
  is("uuid", "36, true", #uuid, require("kong.tools.uuid").is_valid_uuid(uuid))
  is("random", "32", #require("kong.tools.rand").random_string())
  is("sha256", '"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"', require("kong.tools.sha256").sha256_hex("hello"))
  local gzip = require "kong.tools.gzip"
  is("gzip", '"hello hello"', gzip.inflate_gzip(gzip.deflate_gzip("hello hello")))
  local http = require "kong.tools.http"
  is("query", '"a=1&b=x"', http.encode_args({ a = 1, b = "x" }))
  is("trusted", "false", kong.ip.is_trusted("127.0.0.1"))
  is("version", '"string", "number"', type(kong.version), type(kong.version_num))
  is("node", '"string", "string"', type(kong.node.get_id()), type(kong.node.get_hostname()))
  is("configuration", '"/prefix", nil', kong.configuration.prefix, kong.configuration.no_such)
  throws("read only", "cannot write to configuration", function() kong.configuration.x = 1 end)
end
