-- Shape: the response phase and Redis: the first answer to a key is kept and given again.
local cjson = require "cjson"
local redis = require "resty.redis"

local kong = kong
local IdempotencyHandler = { PRIORITY = 890, VERSION = "1.0.1" }

local function is_present(str)
  return str and str ~= "" and str ~= ngx.null
end

local function connect(conf)
  local red = redis:new()
  red:set_timeout(conf.redis_timeout)
  red:set_timeouts(conf.redis_timeout, conf.redis_timeout, conf.redis_timeout)
  local ok, err = red:connect(conf.redis_host, conf.redis_port, { pool = conf.redis_database and conf.redis_host .. ":" .. conf.redis_port .. ":" .. conf.redis_database })
  if not ok then
    kong.log.err("failed to connect to Redis: ", err)
    return nil, err
  end
  local times
  times, err = red:get_reused_times()
  if err then return nil, err end
  if times == 0 then
    if is_present(conf.redis_password) then
      ok, err = red:auth(conf.redis_password)
      if not ok then return nil, err end
    end
    if conf.redis_database ~= 0 then
      ok, err = red:select(conf.redis_database)
      if not ok then return nil, err end
    end
  end
  return red
end

local function key_of(id)
  local route = kong.router.get_route()
  return "idempotency:" .. (route and route.id or "*") .. ":" .. id
end

function IdempotencyHandler:access(conf)
  local id = kong.request.get_header(conf.header)
  if not id then
    if conf.is_required then
      return kong.response.exit(400, { message = conf.header .. " is required" })
    end
    return
  end
  local red, err = connect(conf)
  if err then return kong.response.exit(500, { message = "Internal Error" }) end

  local key = key_of(id)
  local set, serr = red:set(key, cjson.encode({ state = "processing" }), "NX", "EX", conf.redis_cache_time)
  if serr then return kong.response.exit(500, { message = serr }) end
  if set == ngx.null then
    local reply = red:get(key)
    red:set_keepalive(10000, 100)
    local kept = cjson.decode(reply)
    if kept.state == "processing" then
      return kong.response.exit(409, { message = "A request with this " .. conf.header .. " is being processed" }, { ["Retry-After"] = "1" })
    end
    kept.headers["X-Idempotency-Replayed"] = "true"
    return kong.response.exit(kept.status, kept.body, kept.headers)
  end
  red:set_keepalive(10000, 100)
  kong.ctx.plugin.key = key
end

function IdempotencyHandler:response(conf)
  local key = kong.ctx.plugin.key
  if not key then return end
  local status = kong.service.response.get_status()
  local red, err = connect(conf)
  if err then return end
  if status >= 500 then
    red:del(key)
  else
    local headers = kong.service.response.get_headers()
    headers["content-length"], headers["transfer-encoding"], headers["connection"] = nil, nil, nil
    red:init_pipeline()
    red:set(key, cjson.encode({ state = "done", status = status, headers = headers, body = kong.service.response.get_raw_body() }))
    red:expire(key, conf.redis_cache_time)
    local _, perr = red:commit_pipeline()
    if perr then kong.log.err("failed to keep an answer: ", perr) end
  end
  red:set_keepalive(10000, 100)
  kong.response.set_header("X-Idempotency-Stored", status < 500 and "true" or "false")
end

return IdempotencyHandler
