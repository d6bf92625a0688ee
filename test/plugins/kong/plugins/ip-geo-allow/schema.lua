local typedefs = require "kong.db.schema.typedefs"
return {
  name = "ip-geo-allow",
  fields = {
    { protocols = typedefs.protocols },
    { config = { type = "record", fields = {
      { allow = { type = "array", elements = typedefs.ip_or_cidr } },
      { deny = { type = "array", elements = typedefs.ip_or_cidr } },
      { status = { type = "integer", default = 403 } },
      { message = { type = "string" } },
      { use_forwarded = { type = "boolean", default = false } },
      { country_header = typedefs.header_name { default = "X-Country" } },
      { countries = { type = "map", keys = { type = "string", len_eq = 2 }, values = { type = "boolean" } } },
    } } },
  },
  entity_checks = { { at_least_one_of = { "config.allow", "config.deny" } } },
}
