local constants = require "kong.constants"
local kong = kong
local error = error

local EntityKey = { PRIORITY = 1001, VERSION = "1.0.0" }

local function load_credential(key)
  local credential, err = kong.db.entity_keys:select_by_key(key)
  if not credential then
    return nil, err
  end
  return credential
end

local function do_authentication(conf)
  local key
  for _, name in ipairs(conf.key_names) do
    key = kong.request.get_header(name) or kong.request.get_query_arg(name)
    if key then
      if conf.hide_credentials then kong.service.request.clear_header(name) end
      break
    end
  end
  if not key then
    return nil, { status = 401, message = "No API key found in request" }
  end
  local cache_key = kong.db.entity_keys:cache_key(key)
  local credential, err = kong.cache:get(cache_key, { neg_ttl = 10 }, load_credential, key)
  if err then
    error(err)
  end
  if not credential then
    return nil, { status = 401, message = "Unknown key" }
  end
  local consumer
  if credential.consumer then
    local consumer_cache_key = kong.db.consumers:cache_key(credential.consumer.id)
    consumer, err = kong.cache:get(consumer_cache_key, nil, kong.client.load_consumer, credential.consumer.id)
    if err then error(err) end
  end
  kong.client.authenticate(consumer, credential)
  kong.service.request.set_header(constants.HEADERS.CONSUMER_USERNAME, consumer and consumer.username)
  kong.service.request.set_header("X-Tier", credential.tier)
  kong.service.request.set_header("X-Tags", table.concat(credential.labels or {}, ","))
  return true
end

function EntityKey:init_worker()
  if kong.configuration.database == "off" or not (kong.worker_events and kong.worker_events.register) then
    kong.log.info("no events to listen for")
  end
  kong.worker_events.register(function(data)
    kong.cache:invalidate(kong.db.entity_keys:cache_key(data.entity))
  end, "crud", "entity_keys")
end

function EntityKey:access(conf)
  local ok, err = do_authentication(conf)
  if ok then return end
  if conf.anonymous then
    local consumer = kong.client.load_consumer(conf.anonymous, true)
    kong.client.authenticate(consumer, nil)
    kong.service.request.set_header(constants.HEADERS.ANONYMOUS, true)
    return
  end
  return kong.response.error(err.status, err.message)
end

return EntityKey
