local schema = require "kong.plugins.key-auth.schema"
local transformer = require "kong.plugins.response-transformer.schema"
local function config_of(s) for _, f in ipairs(s.fields) do if f.config then return f.config end end end
schema.name = "wrapper"
local own = config_of(schema).fields
own[#own + 1] = { hour = { type = "number", default = 1000 } }
own[#own + 1] = { transform = config_of(transformer) }
return schema
