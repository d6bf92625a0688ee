local typedefs = require "kong.db.schema.typedefs"
return {
  name = "mtls-headers",
  fields = {
    { route = typedefs.no_route },
    { service = typedefs.no_service },
    { config = { type = "record", fields = { { path = typedefs.path { default = "/" } } } } },
  },
}
