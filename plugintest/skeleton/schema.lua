local typedefs = require "kong.db.schema.typedefs"

return {
  name = "NAME",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
        type = "record",
        fields = {
          { request_header = typedefs.header_name { required = true, default = "X-Hello" } },
          { response_header = typedefs.header_name { required = true, default = "X-Bye" } },
        },
    } },
  },
}
