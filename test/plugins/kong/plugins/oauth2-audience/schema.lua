local typedefs = require "kong.db.schema.typedefs"

local function validate_url(value)
  if not value:match("^https?://") then return false, "must be a URL" end
  return true
end

return {
  name = "oauth2-audience",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { discovery = { type = "string", custom_validator = validate_url } },
        { introspection_endpoint = typedefs.url },
        { client_id = { type = "string" } },
        { client_secret = { type = "string", encrypted = true } },
        { ssl_verify = { type = "boolean", default = true, required = true } },
        { auth_header_name = typedefs.header_name { default = "Authorization" } },
        { required_scope = { type = "array", elements = { type = "string" } } },
        { hide_credentials = { type = "boolean", default = false, required = true } },
        { anonymous = { type = "string" } },
        { realm = { type = "string", default = "service" } },
      },
      entity_checks = {
        { at_least_one_of = { "discovery", "introspection_endpoint" } },
        { conditional = { if_field = "introspection_endpoint", if_match = { ne = ngx.null }, then_field = "client_id", then_match = { required = true } } },
      },
    } },
  },
}
