local typedefs = require "kong.db.schema.typedefs"
return {
  name = "oidc-client",
  fields = {
    { consumer = typedefs.no_consumer },
    { config = { type = "record", fields = {
      { issuer = typedefs.url { required = true } },
      { client_id = { type = "string", required = true } },
      { client_secret = { type = "string", required = true } },
      { callback_path = typedefs.path { default = "/oidc-client/callback" } },
      { scope = { type = "string", default = "openid email" } },
      { session_secret = { type = "string", len_min = 8, required = true } },
      { session_ttl = { type = "number", default = 3600 } },
    } } },
  },
}
