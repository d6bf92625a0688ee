local typedefs = require "kong.db.schema.typedefs"
return {
  name = "canary-router",
  fields = {
    { consumer = typedefs.no_consumer },
    { config = { type = "record", fields = {
      { upstream = { type = "string" } },
      { host = typedefs.host },
      { port = typedefs.port },
      { percentage = { type = "number", between = { 0, 100 }, default = 0 } },
      { header = typedefs.header_name { default = "X-Canary-Opt" } },
      { cookie = { type = "string", default = "variant" } },
    },
    entity_checks = {
      { at_least_one_of = { "upstream", "host" } },
      { mutually_required = { "host", "port" } },
    } } },
  },
}
