-- kong.runloop.balancer: the state of upstreams' targets.
local upstreams = require "kong.runloop.balancer.upstreams"
local ask_health = require("gibbon.op").ask "balancer.health"

local M = { get_all_upstreams = upstreams.get_all_upstreams, get_upstream_by_id = upstreams.get_upstream_by_id,
  get_upstream_by_name = upstreams.get_upstream_by_name }

-- get_upstream_health(id): by "host:port" of each target {host, port, weight, addresses = {{ip, port, health}}}; health is HEALTHY,
-- UNHEALTHY or HEALTHCHECKS_OFF, an address that nobody has asked for yet is left out. nil, text for an upstream that is none.
function M.get_upstream_health(id)
  if not upstreams.get_upstream_by_id(id) then return nil, "Upstream " .. tostring(id) .. " not found" end
  local state = ask_health(id)
  local by_host = {}
  for _, a in ipairs(state and state.addresses or {}) do
    local list = by_host[a.host] or {}
    by_host[a.host] = list
    list[#list + 1] = a
  end
  local out = {}
  for target, err in kong.db.targets:each() do
    if err then return nil, err end
    if target.upstream and target.upstream.id == id then
      local host, port = target.target:match("^(.*):(%d+)$")
      host, port = host or target.target, tonumber(port) or 8000
      local info = { host = host, port = port, weight = target.weight, addresses = {} }
      for _, a in ipairs(by_host[host] or {}) do
        if a.port == port then
          info.addresses[#info.addresses + 1] = { ip = a.ip, port = a.port, weight = target.weight,
            health = not state.enabled and "HEALTHCHECKS_OFF" or a.healthy and "HEALTHY" or "UNHEALTHY" }
        end
      end
      out[host .. ":" .. port] = info
    end
  end
  return out
end

return M
