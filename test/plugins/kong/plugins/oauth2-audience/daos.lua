local typedefs = require "kong.db.schema.typedefs"

return {
  {
    name = "oauth2_audiences",
    primary_key = { "id" },
    endpoint_key = "audience",
    cache_key = { "audience" },
    admin_api_name = "oauth2-audiences",
    admin_api_nested_name = "oauth2-audience",
    generate_admin_api = true,
    fields = {
      { id = typedefs.uuid },
      { created_at = typedefs.auto_timestamp_s },
      { consumer = { type = "foreign", reference = "consumers", required = true, on_delete = "cascade" } },
      { audience = { type = "string", required = true, unique = true } },
      { client_id = { type = "string", required = false, unique = true } },
      { tags = typedefs.tags },
    },
  },
}
