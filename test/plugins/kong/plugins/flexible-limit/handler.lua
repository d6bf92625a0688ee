-- Shape: limits by expressions over the request, counted by a script in Redis (script load, evalsha, NOSCRIPT), decisions delayed.
local redis = require "resty.redis"
local socket = require "socket"

local kong = kong
local plugin = { PRIORITY = 902, VERSION = "0.2.0" }

local SCRIPT = [[
local n = redis.call("INCRBY", KEYS[1], ARGV[1])
if n == tonumber(ARGV[1]) then redis.call("PEXPIRE", KEYS[1], ARGV[2]) end
return { n, redis.call("PTTL", KEYS[1]) }
]]
local sha

local function count(conf, key, window)
  local red = redis:new()
  red:set_timeout(conf.redis_timeout)
  local ok, err = red:connect(conf.redis_host, conf.redis_port, { pool = "flexible" .. conf.redis_port })
  if not ok then return nil, err end
  if red:get_reused_times() == 0 and conf.redis_auth then
    ok, err = red:auth(conf.redis_auth)
    if not ok then return nil, err end
  end
  local res
  for _ = 1, 2 do
    if not sha then
      sha, err = red:script("load", SCRIPT)
      if not sha then return nil, err end
    end
    res, err = red:evalsha(sha, 1, key, 1, window * 1000)
    if res or not err:find("NOSCRIPT", 1, true) then break end
    sha = nil
  end
  red:set_keepalive(10000, 20)
  if not res then return nil, err end
  return res[1], res[2]
end

local RESOLVE = {
  ip = function() return kong.client.get_forwarded_ip() end,
  url = function() return kong.request.get_path() end,
  method = function() return kong.request.get_method() end,
}

local function key_of(rule)
  return (rule.redis_key:gsub("%${([%w_.-]+)}", function(name)
    local header = name:match("^header%.(.+)$")
    if header then return kong.request.get_header(header) or "" end
    return RESOLVE[name] and RESOLVE[name]() or ""
  end))
end

function plugin:access(conf)
  for path, rule in pairs(conf.rules) do
    if kong.request.get_path():match(path) then
      local began = socket.gettime()
      local n, ttl = count(conf, key_of(rule), rule.window)
      if not n then
        kong.log.err("counting failed: ", ttl)
        if conf.err_on_redis then return kong.response.exit(500, { message = "An unexpected error occurred" }) end
        return
      end
      kong.log.debug("counted in ", socket.gettime() - began)
      if n > rule.limit then
        local headers = { ["Retry-After"] = math.ceil(ttl / 1000) }
        return kong.response.exit(429, { message = rule.err_msg }, headers)
      end
    end
  end
end

return plugin
