local typedefs = require "kong.db.schema.typedefs"
return { name = "shape-tcp-log", fields = { { config = { type = "record", fields = { { host = typedefs.host { required = true } },
  { port = typedefs.port { required = true } }, { timeout = { type = "number", default = 1000 } }, { tls = { type = "boolean", default = false } } } } } } }
