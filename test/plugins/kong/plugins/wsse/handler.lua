-- Shape: credentials in an entity of the plugin's own, with an Admin API of its own, classes in the manner of classic, cache entries that go
-- when the entity changes; base_plugin.
local BasePlugin = require "kong.plugins.base_plugin"
local KeyDb = require "kong.plugins.wsse.key_db"
local Wsse = require "kong.plugins.wsse.wsse"
local constants = require "kong.constants"

local WsseHandler = BasePlugin:extend()
WsseHandler.PRIORITY = 1006
WsseHandler.VERSION = "1.0.0"

function WsseHandler:new()
  WsseHandler.super.new(self, "wsse")
end

function WsseHandler:init_worker()
  WsseHandler.super.init_worker(self)
  kong.worker_events.register(function(data)
    kong.cache:invalidate(KeyDb.cache_key(data.entity.key))
  end, "crud", "wsse_keys")
end

local function set_consumer(consumer, credential)
  local set_header = kong.service.request.set_header
  set_header(constants.HEADERS.CONSUMER_ID, consumer.id)
  set_header(constants.HEADERS.CONSUMER_CUSTOM_ID, consumer.custom_id)
  set_header(constants.HEADERS.CONSUMER_USERNAME, consumer.username)
  ngx.ctx.authenticated_consumer = consumer
  if credential then
    set_header(constants.HEADERS.CREDENTIAL_USERNAME, credential.key)
    kong.service.request.clear_header(constants.HEADERS.ANONYMOUS)
    ngx.ctx.authenticated_credential = credential
  else
    set_header(constants.HEADERS.ANONYMOUS, true)
  end
end

function WsseHandler:access(conf)
  WsseHandler.super.access(self)
  if ngx.ctx.authenticated_credential and conf.anonymous ~= ngx.null and conf.anonymous ~= nil then return end
  local success, result = pcall(function()
    local wsse = Wsse(KeyDb(), conf.timeframe_validation_threshold_in_minutes)
    return wsse:authenticate(kong.request.get_headers()["x-wsse"])
  end)
  if success then
    local consumer = kong.cache:get(kong.db.consumers:cache_key(result.consumer.id), nil, function() return kong.db.consumers:select({ id = result.consumer.id }) end)
    return set_consumer(consumer, result)
  end
  if conf.anonymous then
    local consumer = kong.cache:get(kong.db.consumers:cache_key(conf.anonymous), nil, function() return kong.db.consumers:select({ id = conf.anonymous }) end)
    return set_consumer(consumer)
  end
  local message = type(result) == "table" and result.msg or tostring(result)
  if type(result) ~= "table" then kong.log.err(message) end
  return kong.response.exit(conf.status_code, { message = message })
end

return WsseHandler
