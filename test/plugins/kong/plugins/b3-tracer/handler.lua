-- Spans by B3 headers, sent in batches.
local Queue = require "kong.tools.queue"
local http = require "resty.http"
local cjson = require "cjson"
local to_hex = require("resty.string").to_hex
local rand = require "kong.tools.rand"

local P = { PRIORITY = 100000, VERSION = "1.0.0" }

local function id(n) return to_hex(rand.get_rand_bytes(n)) end

function P:access()
  local ctx = kong.ctx.plugin
  ngx.ctx.span_start = ngx.req.start_time()
  ctx.trace = kong.request.get_header("X-B3-TraceId") or id(16)
  ctx.span, ctx.parent = id(8), kong.request.get_header("X-B3-SpanId")
  kong.service.request.set_headers { ["X-B3-TraceId"] = ctx.trace, ["X-B3-SpanId"] = ctx.span, ["X-B3-ParentSpanId"] = ctx.parent or "none" }
end

function P:log(conf)
  local ctx = kong.ctx.plugin
  local span = { traceId = ctx.trace, id = ctx.span, parentId = ctx.parent, name = kong.request.get_method(), timestamp = ngx.ctx.span_start * 1e6,
    duration = (ngx.now() - ngx.ctx.span_start) * 1e6, tags = { ["http.status_code"] = tostring(kong.response.get_status()),
      ["kong.route"] = kong.router.get_route().name } }
  Queue.enqueue({ name = "tracer", max_batch_size = 100, max_coalescing_delay = 0.05 }, function(c, spans)
    local res, err = http.new():request_uri(c.endpoint, { method = "POST", body = cjson.encode(spans), headers = { ["Content-Type"] = "application/json" } })
    if not res then return nil, err end
    return true
  end, conf, span)
end

return P
