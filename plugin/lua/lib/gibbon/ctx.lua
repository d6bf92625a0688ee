-- Fields of ngx.ctx that the reference fills itself and that plugins read: looked up when they are read.
local native = require "gibbon.native"
local op = require "gibbon.op"

local phase = native.pdk_phase
local ask_balancer = op.ask("ctx.balancer_data")

local fields = {
  KONG_PHASE = function() return phase() end,
  route = function() return (select(2, pcall(kong.router.get_route))) end,
  service = function() return (select(2, pcall(kong.router.get_service))) end,
  authenticated_consumer = function()
    local ok, c = pcall(kong.client.get_consumer)
    return ok and c or nil
  end,
  authenticated_credential = function()
    local ok, c = pcall(kong.client.get_credential)
    return ok and c or nil
  end,
  -- What the router matched; of its fields only the captures of the path are there.
  router_matches = function()
    local ok, c = pcall(kong.request.get_uri_captures)
    if not ok then return nil end
    local captures = {}
    for i, v in pairs(c.unnamed) do captures[i] = v end
    for name, v in pairs(c.named) do captures[name] = v end
    return { uri_captures = next(captures) ~= nil and captures or nil }
  end,
  balancer_data = function() return ask_balancer() end,
  KONG_PROCESSING_START = function() -- milliseconds
    local ok, seconds = pcall(ngx.req.start_time)
    return ok and math.floor(seconds * 1000 + 0.5) or nil
  end,
  KONG_PROXIED = function()
    local ok, source = pcall(kong.response.get_source)
    return ok and source == "service" or nil
  end,
  workspace = function() return kong.default_workspace end,
}

native.set_ctx_meta {
  __index = function(_, name)
    local f = fields[name]
    return f and f()
  end,
}
