-- Shape: bearer tokens mapped to consumers by an entity of the plugin's own: resty.openidc.introspect and bearer_jwt_verify, daos.lua, kong.cache
-- with a loader, an anonymous consumer; base_plugin.
local BasePlugin = require "kong.plugins.base_plugin"
local access = require "kong.plugins.oauth2-audience.access"

local OAuth2AudienceHandler = BasePlugin:extend()
OAuth2AudienceHandler.PRIORITY = 1000
OAuth2AudienceHandler.VERSION = "0.4.0"

function OAuth2AudienceHandler:new()
  OAuth2AudienceHandler.super.new(self, "oauth2-audience")
end

function OAuth2AudienceHandler:access(conf)
  OAuth2AudienceHandler.super.access(self)
  access.execute(conf)
end

return OAuth2AudienceHandler
