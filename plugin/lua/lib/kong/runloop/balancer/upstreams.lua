-- kong.runloop.balancer.upstreams: the upstreams by workspace and name.
local M = {}

-- get_all_upstreams(): ids by "workspace:name".
function M.get_all_upstreams()
  local out = {}
  for upstream, err in kong.db.upstreams:each() do
    if err then return nil, err end
    out[(upstream.ws_id or kong.default_workspace or "") .. ":" .. upstream.name] = upstream.id
  end
  return out
end

function M.get_upstream_by_id(id) return (kong.db.upstreams:select({ id = id })) end

function M.get_upstream_by_name(name)
  local upstream = kong.db.upstreams:select_by_name(name)
  if not upstream then return false end
  return upstream
end

return M
