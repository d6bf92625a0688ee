local fmt = string.format
local floor = math.floor
local _M = {}

local SCRIPT = [[
local current = redis.call('INCRBY', KEYS[1], ARGV[1])
if current == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return { current, redis.call('TTL', KEYS[1]) }
]]

local function connect(conf, redis)
  local red = redis:new()
  red:set_timeout(conf.redis_timeout)
  local pool = conf.redis_database and conf.redis_host .. ":" .. conf.redis_port .. ":" .. conf.redis_database
  local ok, err = red:connect(conf.redis_host, conf.redis_port, { pool = pool })
  if not ok then return nil, err end
  local times
  times, err = red:get_reused_times()
  if err then return nil, err end
  if times == 0 then
    if conf.redis_password and conf.redis_password ~= "" then
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

local function identifier(conf)
  if conf.limit_by == "header" then
    return kong.request.get_header(conf.header_name) or kong.client.get_forwarded_ip()
  elseif conf.limit_by == "consumer" then
    local c = kong.client.get_consumer()
    return c and c.id or kong.client.get_forwarded_ip()
  end
  return kong.client.get_forwarded_ip()
end

function _M.execute(conf, redis)
  local red, err = connect(conf, redis)
  if not red then
    kong.log.err("failed to connect to Redis: ", err)
    if conf.fault_tolerant then return end
    return kong.response.exit(500, { message = "An unexpected error occurred" })
  end
  local window = floor(ngx.now() / conf.window) * conf.window
  local key = fmt("rl:%s:%s:%d", conf.service_id or conf.route_id or "global", identifier(conf), window)
  local res
  res, err = red:eval(SCRIPT, 1, key, 1, conf.window)
  if not res then
    kong.log.err("eval: ", err)
    return
  end
  red:init_pipeline()
  red:sadd("rl:seen", identifier(conf))
  red:get("rl:absent")
  local results = red:commit_pipeline()
  if not results or results[2] ~= ngx.null then kong.log.err("pipeline: ", tostring(results)) end
  local ok
  ok, err = red:set_keepalive(10000, 100)
  if not ok then kong.log.err("failed to set Redis keepalive: ", err) end

  local current, ttl = res[1], res[2]
  kong.ctx.plugin.headers = {
    ["X-RateLimit-Limit"] = conf.limit,
    ["X-RateLimit-Remaining"] = math.max(conf.limit - current, 0),
    ["X-RateLimit-Reset"] = ttl,
  }
  if current > conf.limit then
    return kong.response.exit(429, { message = "API rate limit exceeded" }, { ["Retry-After"] = ttl })
  end
end

return _M
