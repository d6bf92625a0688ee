-- What a typical small plugin does: reads two request headers, sets one for the upstream and one on the answer, and has a
-- log handler.
local kong = kong

local Typical = {
  PRIORITY = 900,
  VERSION = "1.0.0",
}

function Typical:access(conf)
  local agent = kong.request.get_header("User-Agent")
  local tenant = kong.request.get_header("X-Tenant") or conf.default_tenant
  kong.ctx.plugin.tenant = tenant
  kong.service.request.set_header("X-Upstream-Tenant", agent and tenant .. "-agent" or tenant)
end

function Typical:header_filter(conf)
  kong.response.set_header("X-Tenant", kong.ctx.plugin.tenant)
end

function Typical:log(conf)
  kong.ctx.plugin.status = kong.response.get_status()
end

return Typical
