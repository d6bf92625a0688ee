local typedefs = require "kong.db.schema.typedefs"
local function random() return require("kong.tools.rand").random_string() end
return {
  name = "cookie-session",
  fields = {
    { consumer = typedefs.no_consumer },
    { config = { type = "record", fields = {
      { secret = { type = "string", required = true, default = random(), encrypted = true } },
      { cookie_name = { type = "string", default = "sid" } },
      { ttl = { type = "number", default = 600 } },
    } } },
  },
}
