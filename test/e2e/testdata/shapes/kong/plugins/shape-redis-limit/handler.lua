-- A limit per client and second, counted in Redis.
local redis = require "resty.redis"

local P = { PRIORITY = 901, VERSION = "1.0.0" }

function P:access(conf)
  local red = redis:new()
  red:set_timeouts(1000, 1000, 1000)
  local ok, err = red:connect(conf.host)
  if not ok then
    kong.log.err("no Redis: ", err)
    return
  end
  if red:get_reused_times() == 0 then red:select(conf.database) end
  local key = "limit:" .. kong.client.get_forwarded_ip() .. ":" .. kong.request.get_path()
  red:init_pipeline()
  red:incr(key)
  red:expire(key, 10)
  local results = assert(red:commit_pipeline())
  red:set_keepalive(10000, 100)
  local n = tonumber(results[1])
  kong.response.set_header("X-RateLimit-Remaining", math.max(0, conf.limit - n))
  if n > conf.limit then return kong.response.exit(429, { message = "API rate limit exceeded" }) end
end

return P
