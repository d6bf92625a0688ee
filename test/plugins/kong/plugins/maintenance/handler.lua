local BasePlugin = require "kong.plugins.base_plugin"
local singletons = require "kong.singletons"
local responses = require "kong.tools.responses"

local Maintenance = BasePlugin:extend()

Maintenance.PRIORITY = 2000
Maintenance.VERSION = "0.1.0"

function Maintenance:new()
  Maintenance.super.new(self, "maintenance")
end

function Maintenance:access(config)
  Maintenance.super.access(self)
  local accept = ngx.req.get_headers()["accept"]
  if type(accept) == "table" then accept = accept[1] end
  if singletons.configuration == nil then error("no configuration") end
  if accept and string.find(accept, "text/html", 1, true) then
    ngx.status = config.status
    ngx.header.content_type = "text/html; charset=utf-8"
    ngx.header["Retry-After"] = config.retry_after
    ngx.say("<html><body><h1>", config.title, "</h1></body></html>")
    return ngx.exit(config.status)
  end
  return responses.send(config.status, config.title, { ["Retry-After"] = tostring(config.retry_after) })
end

return Maintenance
