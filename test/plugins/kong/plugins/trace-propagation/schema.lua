local typedefs = require "kong.db.schema.typedefs"
return {
  name = "trace-propagation",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = { type = "record", fields = {
      { header_name = typedefs.header_name { default = "X-Correlation-Id" } },
      { generator = { type = "string", default = "uuid#counter", required = true, one_of = { "uuid", "uuid#counter" } } },
      { echo_downstream = { type = "boolean", required = true, default = true } },
    } } },
  },
}
