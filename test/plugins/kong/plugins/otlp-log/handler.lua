-- Shape: configurations are known before the first request (configure), a queue of the gateway's, tracing.
local Queue = require "kong.tools.queue"
local cjson = require "cjson.safe"
local http = require "resty.http"

local OtlpLog = { PRIORITY = 14, VERSION = "0.1.0" }
local by_endpoint, configured = {}, 0

function OtlpLog:configure(configs)
  by_endpoint, configured = {}, configured + 1
  if not configs then return end
  for _, conf in ipairs(configs) do
    by_endpoint[conf.endpoint] = (by_endpoint[conf.endpoint] or 0) + 1
  end
end

function OtlpLog:access(conf)
  kong.ctx.plugin.start = ngx.req.start_time()
  local span = kong.tracing and kong.tracing.active_span and kong.tracing.active_span()
  kong.service.request.set_header("X-Configured", by_endpoint[conf.endpoint] .. ";" .. configured .. ";" .. tostring(conf.__key__ ~= nil) .. ";" .. tostring(span and span.name))
end

function OtlpLog:header_filter(conf)
  kong.ctx.plugin.header_at = ngx.now()
end

local function send(conf, entries)
  local c = http.new()
  c:set_timeouts(conf.connect_timeout, conf.send_timeout, conf.read_timeout)
  local res, err = c:request_uri(conf.endpoint, { method = "POST", body = cjson.encode(entries), headers = conf.headers })
  if not res then return false, "failed request: " .. err end
  if res.status ~= 200 then return false, "response error: " .. res.status end
  return true
end

function OtlpLog:log(conf)
  local consumer, route, service = kong.client.get_consumer(), kong.router.get_route(), kong.router.get_service()
  local ok, err = Queue.enqueue(Queue.get_plugin_params("otlp-log", conf), send, conf, {
    name = kong.request.get_method() .. " " .. kong.request.get_path(), kind = "server", status = kong.response.get_status(), host = kong.node.get_hostname(), node = kong.node.get_id(),
    client = kong.client.get_forwarded_ip(), scheme = kong.request.get_scheme(), route = route and route.name, service = service and service.name, consumer = consumer and consumer.username,
    start = kong.ctx.plugin.start, wait = kong.ctx.plugin.header_at and kong.ctx.plugin.header_at - kong.ctx.plugin.start })
  if not ok then kong.log.err("failed to enqueue: ", err) end
end

return OtlpLog
