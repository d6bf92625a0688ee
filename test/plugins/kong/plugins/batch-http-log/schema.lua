local typedefs = require "kong.db.schema.typedefs"
return {
  name = "batch-http-log",
  fields = {
    { protocols = typedefs.protocols },
    { config = { type = "record", fields = {
      { http_endpoint = typedefs.url({ required = true, encrypted = true, referenceable = true }) },
      { method = { type = "string", default = "POST", one_of = { "POST", "PUT", "PATCH" } } },
      { timeout = { type = "number", default = 10000 } },
      { keepalive = { type = "number", default = 60000 } },
      { token = { type = "string" } },
      { retry_count = { type = "integer", deprecation = { message = "no longer works", removal_in_version = "4.0" } } },
      { queue = typedefs.queue },
      { custom_fields_by_lua = typedefs.lua_code },
    } } },
  },
}
