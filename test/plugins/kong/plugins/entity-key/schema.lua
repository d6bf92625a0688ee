local typedefs = require "kong.db.schema.typedefs"
return {
  name = "entity-key",
  fields = {
    { consumer = typedefs.no_consumer },
    { config = { type = "record", fields = {
      { key_names = { type = "array", required = true, elements = typedefs.header_name, default = { "x-entity-key" } } },
      { hide_credentials = { type = "boolean", required = true, default = false } },
      { anonymous = { type = "string" } },
    } } },
  },
}
