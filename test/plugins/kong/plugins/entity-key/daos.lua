local typedefs = require "kong.db.schema.typedefs"

return {
  {
    name = "entity_keys",
    primary_key = { "id" },
    cache_key = { "key" },
    endpoint_key = "key",
    workspaceable = true,
    admin_api_name = "entity-keys",
    admin_api_nested_name = "entity-key",
    fields = {
      { id = typedefs.uuid },
      { created_at = typedefs.auto_timestamp_s },
      { consumer = { type = "foreign", reference = "consumers", required = true, on_delete = "cascade" } },
      { key = { type = "string", required = true, unique = true, auto = true } },
      { tier = { type = "string", default = "bronze", one_of = { "bronze", "gold" } } },
      { labels = { type = "set", elements = { type = "string" } } },
      { limits = { type = "map", keys = { type = "string" }, values = { type = "integer" } } },
      { tags = typedefs.tags },
    },
  },
}
