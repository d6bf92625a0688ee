local typedefs = require "kong.db.schema.typedefs"
return {
  name = "qos-classifier",
  fields = { { consumer = typedefs.no_consumer }, { config = { type = "record", fields = {
    { upstream_header = { type = "string", default = "X-QoS-Class" } },
    { shed = { type = "boolean", default = false } },
    { message = { type = "string", default = "busy" } },
  } } } },
}
