local typedefs = require "kong.db.schema.typedefs"
return {
  name = "otlp-log",
  fields = {
    { consumer = typedefs.no_consumer }, { protocols = typedefs.protocols_http },
    { config = { type = "record", fields = {
      { endpoint = typedefs.url { required = true } },
      { headers = { type = "map", keys = typedefs.header_name, values = { type = "string", referenceable = true } } },
      { queue = typedefs.queue },
      { connect_timeout = typedefs.timeout { default = 1000 } },
      { send_timeout = typedefs.timeout { default = 5000 } },
      { read_timeout = typedefs.timeout { default = 5000 } },
    } } },
  },
}
