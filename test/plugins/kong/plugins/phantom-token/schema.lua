local typedefs = require "kong.db.schema.typedefs"

return {
  name = "phantom-token",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
        type = "record",
        fields = {
          { introspection_endpoint = typedefs.url({ required = true }) },
          { client_id = { type = "string", required = true, referenceable = true } },
          { client_secret = { type = "string", required = true, encrypted = true, referenceable = true } },
          { scope = { type = "array", elements = { type = "string" } } },
          { timeout = typedefs.timeout({ default = 2000 }) },
          { ttl = { type = "integer", default = 30, gt = 0 } },
          { negative_ttl = { type = "number", default = 5 } },
          { verify_ssl = { type = "boolean", required = true, default = true } },
          { run_on_preflight = { type = "boolean", default = true } },
        },
      },
    },
  },
}
