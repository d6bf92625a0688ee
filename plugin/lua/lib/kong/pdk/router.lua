-- kong.router: the matched route and its service as tables, made once per request.
local native = require "gibbon.native"
local phases = require "gibbon.phases"
local op = require "gibbon.op"

local ROUTED = phases.set("access", "response", "header_filter", "body_filter", "log")
local own = native.request

local function cached(name, ask)
  return function()
    phases.check(ROUTED)
    local t = own()
    local v = t[name]
    if v == nil then
      v = ask()
      if v ~= nil then t[name] = v end
    end
    return v
  end
end

return { get_route = cached("route", op.ask("router.route")), get_service = cached("service", op.ask("router.service")) }
