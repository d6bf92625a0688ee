-- Shape: buffering is asked for in access so that the log phase has both bodies; a timer sends.
local UsageLogger = { PRIORITY = 7, VERSION = "2.0.0" }
local http = require "resty.http"
local cjson = require "cjson.safe"

function UsageLogger:access(conf)
  kong.service.request.enable_buffering()
  kong.ctx.plugin.request_body = kong.request.get_raw_body()
  kong.ctx.plugin.started = ngx.now()
end

local function send(premature, endpoint, message)
  if premature then return end
  local c = http.new()
  c:set_timeouts(1000, 1000, 1000)
  local res, err = c:request_uri(endpoint, { method = "POST", body = message, headers = { ["Content-Type"] = "application/ndjson" }, ssl_verify = false })
  if not res then ngx.log(ngx.WARN, "usage: ", err) end
end

function UsageLogger:log(conf)
  local serialized = kong.log.serialize()
  local headers = kong.service.response.get_headers()
  local body = kong.service.response.get_raw_body()
  if not ngx.re.find(headers["content-type"] or "", "(json|text|xml)", "ijo") then body = nil end
  local message = cjson.encode({ { "now", math.floor(ngx.now() * 1000) }, { "request_method", serialized.request.method }, { "request_url", serialized.request.url },
    { "request_body", kong.ctx.plugin.request_body }, { "response_code", tostring(kong.service.response.get_status()) }, { "response_body", body },
    { "interval", (ngx.now() - kong.ctx.plugin.started) * 1000 } })
  local ok, err = ngx.timer.at(0, send, conf.url, message)
  if not ok then kong.log.err("failed to create a timer: ", err) end
end

return UsageLogger
