-- Shape: tokens for clients that have authenticated, of the base_plugin era: kong.singletons, kong.tools.responses, resty.jwt, ngx.ctx.
local BasePlugin = require "kong.plugins.base_plugin"
local responses = require "kong.tools.responses"
local singletons = require "kong.singletons"
local jwt = require "resty.jwt"
local json = require "cjson"

local JwtCrafter = BasePlugin:extend()

JwtCrafter.PRIORITY = 10
JwtCrafter.VERSION = "1.0.0"

local function consumer_groups(consumer)
  local names = {}
  for acl, err in singletons.db.acls:each() do
    if err then return nil, err end
    if acl.consumer and acl.consumer.id == consumer.id then names[#names + 1] = acl.group end
  end
  table.sort(names)
  return names
end

function JwtCrafter:new()
  JwtCrafter.super.new(self, "jwt-crafter")
end

function JwtCrafter:access(config)
  JwtCrafter.super.access(self)
  local consumer = ngx.ctx.authenticated_consumer
  if not consumer then
    return responses.send_HTTP_FORBIDDEN("You cannot consume this service")
  end
  local groups, err = consumer_groups(consumer)
  if err then return responses.send_HTTP_INTERNAL_SERVER_ERROR(err) end

  local ok, token = pcall(jwt.sign, jwt, config.secret, {
    header = { typ = "JWT", alg = "HS256" },
    payload = { sub = consumer.id, nam = consumer.username or consumer.custom_id, rol = groups, iss = "gateway", exp = ngx.time() + config.expires_in },
  })
  if not ok then return responses.send_HTTP_INTERNAL_SERVER_ERROR(token.reason) end

  ngx.header["Content-Type"] = "application/json"
  ngx.say(json.encode({ id_token = token, expires_in = config.expires_in }))
  ngx.exit(201)
end

return JwtCrafter
