local typedefs = require "kong.db.schema.typedefs"
return { name = "shape-http-log", fields = { { config = { type = "record", fields = { { endpoint = typedefs.url { required = true } }, { queue = typedefs.queue } } } } } }
