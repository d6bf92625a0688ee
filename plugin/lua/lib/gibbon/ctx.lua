-- Fields of ngx.ctx that the reference fills itself and that plugins read: looked up when they are read.
local native = require "gibbon.native"
local op = require "gibbon.op"

local phase, ACCESS = native.pdk_phase, require("gibbon.phases").names.access
local ask_balancer, ask_times, ask_forget = op.ask("ctx.balancer_data"), op.ask("ctx.times"), op.ask("client.forget")

-- What plugins of old times write into ngx.ctx.balancer_data steers the request, as kong.service does.
local function steer(data, name)
  if name == "host" or name == "port" then
    kong.service.set_target(data.host, data.port)
  elseif name == "retries" then
    kong.service.set_retries(data.retries)
  elseif name == "connect_timeout" or name == "send_timeout" or name == "read_timeout" then
    kong.service.set_timeouts(data.connect_timeout, data.send_timeout, data.read_timeout)
  end
end

local function balancer_data()
  local data = ask_balancer()
  if not data or phase() ~= ACCESS then return data end
  return setmetatable({}, {
    __index = data,
    __newindex = function(_, name, value)
      data[name] = value
      steer(data, name)
    end,
    __pairs = function() return next, data, nil end,
  })
end

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
  balancer_data = balancer_data,
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

-- Milliseconds, as they come to be known.
for _, name in ipairs { "KONG_REWRITE_START", "KONG_REWRITE_ENDED_AT", "KONG_REWRITE_TIME", "KONG_ACCESS_START", "KONG_ACCESS_ENDED_AT", "KONG_ACCESS_TIME",
  "KONG_BALANCER_START", "KONG_BALANCER_ENDED_AT", "KONG_BALANCER_TIME", "KONG_WAITING_TIME", "KONG_PROXY_LATENCY", "KONG_RESPONSE_LATENCY",
  "KONG_RECEIVE_TIME", "KONG_HEADER_FILTER_START" } do
  fields[name] = function()
    local times = ask_times()
    return times and times[name]
  end
end

-- Plugins of old times say who a request is by these fields, as kong.client.authenticate does; nil takes one away.
local function identified(field, value)
  if phase() ~= ACCESS or value ~= nil and type(value) ~= "table" then return false end
  local consumer, credential = kong.client.get_consumer(), kong.client.get_credential()
  if field == "authenticated_consumer" then consumer = value else credential = value end
  if consumer == nil and credential == nil then
    ask_forget()
  else
    kong.client.authenticate(consumer, credential)
  end
  return true
end

-- with_id_to_come(field, value): what has no id yet is told again when it gets one: OpenID plugins fill it in afterwards.
local function with_id_to_come(field, value)
  if value == nil or value.id ~= nil or getmetatable(value) ~= nil then return end
  setmetatable(value, { __newindex = function(own, name, v)
    rawset(own, name, v)
    if name ~= "id" then return end
    setmetatable(own, nil)
    if phase() == ACCESS and ngx.ctx[field] == own then identified(field, own) end
  end })
end

native.set_ctx_meta {
  __newindex = function(ctx, name, value)
    if name == "authenticated_consumer" or name == "authenticated_credential" then
      if identified(name, value) then return with_id_to_come(name, value) end
    end
    rawset(ctx, name, value)
  end,
  __index = function(_, name)
    local f = fields[name]
    return f and f()
  end,
}
