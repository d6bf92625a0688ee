local redis = require "resty.redis"
local BasePlugin = require "kong.plugins.base_plugin"
local Access = require "kong.plugins.redis-limiter.access"

local Limiter = BasePlugin:extend()

Limiter.PRIORITY = 901
Limiter.VERSION = "1.1.0"

function Limiter:new()
  Limiter.super.new(self, "redis-limiter")
end

function Limiter:access(conf)
  Limiter.super.access(self)
  Access.execute(conf, redis)
end

function Limiter:header_filter(conf)
  Limiter.super.header_filter(self)
  local h = kong.ctx.plugin.headers
  if h then
    for name, value in pairs(h) do kong.response.set_header(name, value) end
  end
end

return Limiter
