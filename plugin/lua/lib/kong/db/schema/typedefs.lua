-- Field definitions that many schemas share. Their checks are Go's (model/schema, typedefs.go): a table here carries only
-- its name, as the field __typedef of its metatable, its type, and what a schema changed by calling it:
--   typedefs.host({ default = "localhost" })

local Schema = require "kong.db.schema"

local types = {
  certificate = "string", cidr_v4 = "string", cookie_name = "string", header_name = "string", headers = "map",
  host = "string", host_with_optional_port = "string", hosts = "array", http_method = "string", ip = "string",
  ip_or_cidr = "string", key = "string", lua_code = "map", methods = "set", path = "string", paths = "array",
  port = "integer", protocol = "string", protocols = "set", protocols_http = "set", protocols_https = "set",
  protocols_stream = "set", queue = "record", router_path = "string", router_paths = "array",
  semantic_version = "string", sni = "string", snis = "set", tag = "string", tags = "set", timeout = "integer",
  url = "string", utf8_name = "string", uuid = "string", auto_timestamp_s = "integer", auto_timestamp_ms = "number",
  wildcard_host = "string", pem = "record", no_consumer = "foreign", no_consumer_group = "foreign", no_route = "foreign",
  no_service = "foreign", no_api = "foreign", name = "string", username = "string", http_header = "string",
  protocols_http_https = "set", sources = "set", destinations = "set", capture_group = "string", jwk = "string",
}

local typedefs = {}
for name, kind in pairs(types) do
  typedefs[name] = Schema.define({ type = kind }, name)
end

return setmetatable(typedefs, {
  __index = function(_, name)
    error("schema error: there is no typedef '" .. tostring(name) .. "'", 2)
  end,
})
