local typedefs = require "kong.db.schema.typedefs"

return {
  name = "bench-typical",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
        type = "record",
        fields = {
          { default_tenant = { type = "string", default = "public" } },
        },
    } },
  },
}
