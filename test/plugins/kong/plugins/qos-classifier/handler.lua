-- Shape: numbers of the whole node steer requests: init_worker timers on one worker with resty.lock, shared dictionaries, the response phase.
local BasePlugin = require "kong.plugins.base_plugin"
local resty_lock = require "resty.lock"
local cjson = require "cjson"

local QosHandler = BasePlugin:extend()
QosHandler.PRIORITY = 899
QosHandler.VERSION = "1.0.0"

local shm = ngx.shared.kong

function QosHandler:new()
  QosHandler.super.new(self, "qos-classifier")
end

local function recompute(premature)
  if premature then return end
  local lock, err = resty_lock:new("kong_locks", { exptime = 2, timeout = 0 })
  if not lock then
    kong.log.err("failed to create the lock: ", err)
    return
  end
  local elapsed = lock:lock("qos:recompute")
  if not elapsed then return end
  local total = shm:get("qos:requests") or 0
  local before = shm:get("qos:before") or 0
  shm:set("qos:before", total)
  shm:set("qos:state", cjson.encode({ rate = total - before, level = total - before > 3 and "orange" or "green", phase = ngx.get_phase(), at = ngx.now() }))
  lock:unlock()
end

function QosHandler:init_worker()
  QosHandler.super.init_worker(self)
  if ngx.worker.id() ~= 0 then return end
  local ok, err = ngx.timer.every(0.05, recompute)
  if not ok then kong.log.err("failed to start the timer: ", err) end
end

function QosHandler:access(conf)
  QosHandler.super.access(self)
  local route, service = kong.router.get_route(), kong.router.get_service()
  shm:incr("qos:requests", 1, 0)
  local state = cjson.decode(shm:get("qos:state") or "{}")
  kong.ctx.plugin.level = state.level or "unknown"
  kong.service.request.set_header(conf.upstream_header, kong.ctx.plugin.level .. ";" .. route.name .. ";" .. service.name .. ";" .. tostring(state.phase))
  if conf.shed and state.level == "orange" then
    return kong.response.exit(429, { error = { message = conf.message } }, { ["Retry-After"] = 1 })
  end
end

function QosHandler:response(conf)
  QosHandler.super.response(self)
  kong.response.set_header("X-QoS", kong.ctx.plugin.level)
  kong.response.set_header("X-QoS-Phase", ngx.get_phase())
end

return QosHandler
