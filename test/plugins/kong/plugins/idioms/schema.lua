local typedefs = require "kong.db.schema.typedefs"
local Schema = require "kong.db.schema"

local LOG_LEVEL = { type = "string", default = "notice", one_of = { "debug", "info", "notice" } }
local static_tag = Schema.define { type = "record", fields = { { name = { type = "string", required = true, not_one_of = { "error" } } }, { value = { type = "string", required = true } } } }

return {
  name = "idioms",
  fields = {
    { consumer = typedefs.no_consumer },
    { consumer_group = typedefs.no_consumer_group },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { level = LOG_LEVEL },
        { tags = { type = "array", elements = static_tag, custom_validator = function(list)
            local seen = {}
            for _, t in ipairs(list) do
              if seen[t.name] then return nil, "repeated tag: " .. t.name end
              seen[t.name] = true
            end
            return true
          end } },
        { secret = { type = "string", referenceable = true, default = "{vault://env/idioms-secret}" } },
        { limits = { type = "map", keys = { type = "string" }, values = { type = "record", fields = { { max = { type = "number" } } } }, default = {} } },
        { rate = { type = "number", between = { 0, 1 }, default = 0.5 } },
        { port = typedefs.port { default = 80 } },
        { modes = { type = "set", elements = { type = "string", one_of = { "a", "b" } }, default = { "a" } } },
        { nested = { type = "record", required = true, fields = { { deep = { type = "record", fields = { { on = { type = "boolean", default = true } } } } } } } },
        { old_name = { type = "string" } },
        { queue = typedefs.queue },
      },
      shorthand_fields = {
        { legacy_port = { type = "integer", func = function(value) return { port = value } end } },
      },
      entity_checks = {
        { custom_entity_check = { field_sources = { "rate", "port" }, fn = function(entity)
            if entity.rate == 0 and entity.port == 1 then return nil, "rate 0 on port 1" end
            return true
          end } },
      },
    } },
  },
}
