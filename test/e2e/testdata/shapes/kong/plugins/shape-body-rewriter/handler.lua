-- Rewrites JSON answers: adds a field, drops another.
local cjson = require "cjson.safe"

local P = { PRIORITY = 800, VERSION = "1.0.0" }

function P:header_filter()
  kong.response.clear_header("Content-Length")
  kong.response.set_header("X-Rewritten", "yes")
end

function P:body_filter(conf)
  local ctx = kong.ctx.plugin
  ctx.parts = ctx.parts or {}
  ctx.parts[#ctx.parts + 1] = ngx.arg[1]
  if not ngx.arg[2] then
    ngx.arg[1] = nil
    return
  end
  local body = cjson.decode(table.concat(ctx.parts))
  if not body then
    ngx.arg[1] = table.concat(ctx.parts)
    return
  end
  body[conf.remove] = nil
  body.via = "shape"
  ngx.arg[1] = cjson.encode(body)
end

return P
