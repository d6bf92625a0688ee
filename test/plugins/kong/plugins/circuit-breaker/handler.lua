-- Stops asking a failing service for a while; counters are shared by all workers.
local resty_lock = require "resty.lock"

local P = { PRIORITY = 899, VERSION = "1.0.0" }

function P:init_worker()
  ngx.timer.every(0.5, function(premature)
    if not premature then ngx.shared.kong:incr("breaker:ticks", 1, 0) end
  end)
end

function P:access(conf)
  if ngx.shared.kong:get("breaker:open") then
    return kong.response.exit(503, { message = "circuit open" }, { ["Retry-After"] = tostring(conf.open_time) })
  end
end

function P:log(conf)
  local dict = ngx.shared.kong
  if kong.response.get_status() < 500 or kong.response.get_source() ~= "service" then return end
  local n = dict:incr("breaker:failures", 1, 0, conf.window)
  if n < conf.failures then return end
  ngx.timer.at(0, function()
    local lock = resty_lock:new("kong_locks")
    if lock:lock("breaker") then
      dict:set("breaker:open", true, conf.open_time)
      dict:delete("breaker:failures")
      lock:unlock()
    end
  end)
end

return P
