local typedefs = require "kong.db.schema.typedefs"

return {
  name = "oidc-classic",
  fields = {
    { consumer = typedefs.no_consumer },
    { config = { type = "record", fields = {
      { client_id = { type = "string", required = true } },
      { client_secret = { type = "string", required = true } },
      { discovery = { type = "string", required = true } },
      { scope = { type = "string", required = true, default = "openid" } },
      { session_secret = { type = "string", required = false } },
      { recovery_page_path = { type = "string" } },
    } } },
  },
}
