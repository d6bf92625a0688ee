-- Has every phase of a proxied request, and does in access what the request header X-Lua says.
local P = { VERSION = "1.0.0", PRIORITY = 10 }

local ways = {
  wait = function() ngx.sleep(math.random() * 0.005) end,
  spin = function() local t = os.clock() + 0.003 while os.clock() < t do end end,
  body = function() kong.request.get_raw_body() end,
  exit = function(tag) return kong.response.exit(418, tag) end,
  ["exit late"] = function(tag) ngx.sleep(0.002) return kong.response.exit(418, tag) end,
}

function P:access()
  kong.ctx.plugin.tag = kong.request.get_header("X-Tag")
  local way = ways[kong.request.get_header("X-Lua")]
  if way then return way(kong.ctx.plugin.tag) end
end

function P:header_filter()
  kong.response.set_header("X-Mine", kong.ctx.plugin.tag)
end

function P:body_filter()
  kong.ctx.plugin.bytes = (kong.ctx.plugin.bytes or 0) + #(ngx.arg[1] or "")
end

function P:log()
  if kong.ctx.plugin.tag ~= kong.request.get_header("X-Tag") then kong.log.crit("the context is another request's") end
end

return P
