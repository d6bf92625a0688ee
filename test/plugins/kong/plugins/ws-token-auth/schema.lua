local typedefs = require "kong.db.schema.typedefs"
return {
  name = "ws-token-auth",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = { type = "record", fields = {
      { uri_param = { type = "string", default = "token" } },
      { secret = { type = "string", required = true } },
      { claims_to_verify = { type = "set", elements = { type = "string", one_of = { "exp", "nbf" } }, default = { "exp" } } },
    } } },
  },
}
