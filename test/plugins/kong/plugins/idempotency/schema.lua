local typedefs = require "kong.db.schema.typedefs"

return {
  name = "idempotency",
  fields = {
    { consumer = typedefs.no_consumer },
    { config = {
      type = "record",
      fields = {
        { header = { type = "string", default = "Idempotency-Key" } },
        { is_required = { type = "boolean", default = false } },
        { redis_host = typedefs.host },
        { redis_port = typedefs.port({ default = 6379 }) },
        { redis_password = { type = "string", len_min = 0 } },
        { redis_timeout = { type = "number", default = 2000 } },
        { redis_database = { type = "integer", default = 0 } },
        { redis_cache_time = { type = "number", default = 86400, required = true } },
      },
      entity_checks = { { conditional_at_least_one_of = { if_field = "is_required", if_match = { eq = true }, then_at_least_one_of = { "header" } } } },
    } },
  },
}
