-- kong.tools.redis.schema: how plugins are configured to reach Redis.
local typedefs = require "kong.db.schema.typedefs"

return {
  config_schema = {
    type = "record",
    description = "Redis configuration",
    fields = {
      { host = typedefs.host },
      { port = typedefs.port({ default = 6379 }) },
      { timeout = typedefs.timeout({ default = 2000 }) },
      { username = { type = "string", referenceable = true } },
      { password = { type = "string", referenceable = true, encrypted = true, len_min = 0 } },
      { database = { type = "integer", default = 0 } },
      { ssl = { type = "boolean", required = false, default = false } },
      { ssl_verify = { type = "boolean", required = false, default = false } },
      { server_name = typedefs.sni({ required = false }) },
    },
  },
}
