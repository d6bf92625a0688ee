local typedefs = require "kong.db.schema.typedefs"
return { name = "shape-introspection", fields = { { consumer = typedefs.no_consumer }, { protocols = typedefs.protocols_http }, { config = { type = "record", fields = {
  { endpoint = typedefs.url { required = true } }, { client_id = { type = "string", required = true } },
  { client_secret = { type = "string", required = true, encrypted = true, referenceable = true } }, { ttl = { type = "number", default = 60 } } } } } } }
