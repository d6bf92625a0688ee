local typedefs = require "kong.db.schema.typedefs"

return {
  wsse_keys = {
    name = "wsse_keys",
    primary_key = { "id" },
    endpoint_key = "key",
    cache_key = { "key" },
    fields = {
      { id = typedefs.uuid },
      { consumer = { type = "foreign", reference = "consumers", default = ngx.null, on_delete = "cascade" } },
      { key = { type = "string", required = false, unique = true, auto = true } },
      { secret = { type = "string", auto = true } },
      { strict_timeframe_validation = { type = "boolean", default = true } },
    },
  },
}
