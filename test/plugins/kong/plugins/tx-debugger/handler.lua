-- Shape: the whole transaction in the log: request and response bodies through kong.ctx.plugin, ngx.arg in body_filter.
local TxDebugger = { PRIORITY = 1, VERSION = "1.1.0" }

function TxDebugger:access(conf)
  kong.ctx.plugin.enabled = true
  kong.ctx.plugin.req_headers = kong.request.get_headers()
  kong.ctx.plugin.req_query = kong.request.get_query()
  kong.ctx.plugin.req_body = kong.request.get_raw_body()
end

function TxDebugger:body_filter(conf)
  local chunk = ngx.arg[1]
  kong.ctx.plugin.res_body = (kong.ctx.plugin.res_body or "") .. (chunk or "")
end

local function dump(title, t)
  local names = {}
  for k in pairs(t) do names[#names + 1] = k end
  table.sort(names)
  for _, k in ipairs(names) do
    local v = t[k]
    kong.log(title, " ", k, ": ", type(v) == "table" and table.concat(v, ", ") or tostring(v))
  end
end

function TxDebugger:log(conf)
  kong.log("TX status: ", kong.response.get_status())
  dump("TX request header", kong.ctx.plugin.req_headers)
  dump("TX query", kong.ctx.plugin.req_query)
  kong.log("TX request body: ", kong.ctx.plugin.req_body)
  dump("TX response header", kong.response.get_headers())
  kong.log("TX response body: ", kong.ctx.plugin.res_body)
end

return TxDebugger
