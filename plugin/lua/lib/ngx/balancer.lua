-- ngx.balancer: the gateway balances by itself, so code in balancer phases has nothing to decide here. Every function says so.
local function refused() return nil, "not supported by this gateway: use kong.service.set_target or upstreams" end

local M = { version = "0.1.28" }
for _, name in ipairs { "set_current_peer", "bind_to_local_addr", "enable_keepalive", "set_more_tries", "set_timeouts", "recreate_request", "set_upstream_tls",
  "set_ssl_ctx" } do
  M[name] = refused
end
function M.get_last_failure() return nil end

return M
