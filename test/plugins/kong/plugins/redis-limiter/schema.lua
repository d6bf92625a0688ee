local typedefs = require "kong.db.schema.typedefs"

return {
  name = "redis-limiter",
  fields = {
    { config = {
      type = "record",
      fields = {
        { limit = { type = "integer", gt = 0, required = true } },
        { window = { type = "integer", default = 60 } },
        { limit_by = { type = "string", default = "ip", one_of = { "ip", "consumer", "header" } } },
        { header_name = typedefs.header_name },
        { redis_host = typedefs.host({ required = true }) },
        { redis_port = typedefs.port({ default = 6379 }) },
        { redis_password = { type = "string", len_min = 0, referenceable = true } },
        { redis_timeout = { type = "number", default = 2000 } },
        { redis_database = { type = "integer", default = 0 } },
        { fault_tolerant = { type = "boolean", default = true } },
      },
      entity_checks = {
        { conditional = { if_field = "limit_by", if_match = { eq = "header" }, then_field = "header_name", then_match = { required = true } } },
      },
    } },
  },
}
