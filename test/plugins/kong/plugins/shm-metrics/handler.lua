local counter = require "resty.counter"
local kong = kong

local Metrics = { PRIORITY = 13, VERSION = "1.6.0" }

local counts
local dict = ngx.shared.prometheus_metrics or ngx.shared.kong

function Metrics:init_worker()
  counts = counter.new(ngx.shared.prometheus_metrics and "prometheus_metrics" or "kong", 0.05)
  local ok, err = ngx.timer.every(0.1, function(premature)
    if premature then return end
    dict:set("m:timer", (dict:get("m:timer") or 0) + 1)
  end)
  if not ok then kong.log.err("cannot start timer: ", err) end
end

local function collect()
  ngx.header["Content-Type"] = "text/plain; charset=UTF-8"
  ngx.sleep(0.1) -- counters of this worker are written
  for _, key in ipairs(dict:get_keys(0)) do
    if key:sub(1, 2) == "m:" then ngx.print(key:sub(3), " ", tostring(dict:get(key)), "\n") end
  end
  ngx.say("workers ", ngx.worker.count())
  return ngx.exit(200)
end

function Metrics:access(conf)
  if kong.request.get_path() == conf.path then
    return collect()
  end
end

function Metrics:log(conf)
  local message = kong.log.serialize()
  if not message then return end
  counts:incr(string.format('m:requests_total{route="%s",status="%d"}', message.route and message.route.name or "", message.response.status))
  counts:incr("m:bytes_total", tonumber(message.response.size) or 0)
  local l = message.latencies
  for _, le in ipairs { 1, 10, 100, 1000, 10000 } do
    if l.request <= le then counts:incr('m:latency_bucket{le="' .. le .. '"}') end
  end
end

return Metrics
