local uuid = require("kong.tools.utils").uuid
local rand = require("kong.tools.rand").get_rand_bytes
local to_hex = require("resty.string").to_hex

local Trace = { PRIORITY = 100001, VERSION = "1.0.0" }

local worker_uuid, worker_counter

function Trace:init_worker()
  worker_uuid = uuid()
  worker_counter = 0
  self.started = ngx.now()
end

function Trace:configure(configs)
  kong.log.notice("configured with ", configs and #configs or 0, " configurations")
end

function Trace:rewrite(conf)
  ngx.ctx.trace_began = ngx.now()
end

local function parse(header)
  local version, trace_id, parent_id, flags = header:match("^(%x%x)%-(%x+)%-(%x+)%-(%x%x)$")
  if not version or #trace_id ~= 32 or #parent_id ~= 16 then return nil end
  return trace_id, parent_id, tonumber(flags, 16) % 2 == 1
end

function Trace:access(conf)
  local correlation = kong.request.get_header(conf.header_name)
  if not correlation or correlation == "" then
    worker_counter = worker_counter + 1
    correlation = conf.generator == "uuid" and uuid() or worker_uuid .. "#" .. worker_counter
    kong.service.request.set_header(conf.header_name, correlation)
  end
  kong.ctx.plugin.correlation = correlation
  local incoming = kong.request.get_header("traceparent")
  local trace_id, parent_id, sampled
  if incoming then trace_id, parent_id, sampled = parse(incoming) end
  trace_id = trace_id or to_hex(rand(16))
  local span_id = to_hex(rand(8))
  kong.service.request.set_header("traceparent", string.format("00-%s-%s-%02d", trace_id, span_id, sampled == false and 0 or 1))
  kong.service.request.set_header("x-b3-traceid", trace_id)
  kong.ctx.plugin.trace = { id = trace_id, span = span_id, parent = parent_id }
  local span = kong.tracing.start_span("my span")
  span:set_attribute("http.method", kong.request.get_method())
  span:finish()
  kong.ctx.shared.trace_id = trace_id
end

function Trace:header_filter(conf)
  if conf.echo_downstream and kong.ctx.plugin.correlation then
    kong.response.set_header(conf.header_name, kong.ctx.plugin.correlation)
  end
end

function Trace:log(conf)
  local t = kong.ctx.plugin.trace
  local route, service = kong.router.get_route(), kong.router.get_service()
  kong.log.notice("span ", t and t.id, " route=", route and route.name, " service=", service and service.name, " status=", kong.response.get_status(),
    " source=", kong.response.get_source(), " ip=", kong.client.get_forwarded_ip(), " rewrite=", tostring(ngx.ctx.trace_began ~= nil),
    " node=", #kong.node.get_id())
end

return Trace
