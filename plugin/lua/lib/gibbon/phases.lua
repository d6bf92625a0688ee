-- Sets of phases in which PDK functions may be called: the values of model/phase, added up.
local native = require "gibbon.native"

local P = {
  init_worker = 0x1, certificate = 0x2, client_hello = 0x8, rewrite = 0x10, access = 0x20, balancer = 0x40, response = 0x80,
  cluster_listener = 0x100, header_filter = 0x200, body_filter = 0x400, timer = 0x1000, log = 0x2000, preread = 0x4000,
  ws_handshake = 0x10000, ws_client_frame = 0x20000, ws_upstream_frame = 0x40000, ws_close = 0x80000, configure = 0x100000,
  error = 0x1000000, admin_api = 0x10000000,
}

local M = { names = P }

-- set(...) adds phases up. access stands for ws_handshake too, log for ws_close: what an access handler may do, a
-- WebSocket one may.
function M.set(...)
  local sum, seen = 0, {}
  local function add(name)
    if not seen[name] then
      seen[name] = true
      sum = sum + P[name]
    end
  end
  for i = 1, select("#", ...) do
    local name = select(i, ...)
    add(name)
    if name == "access" then add("ws_handshake") end
    if name == "log" then add("ws_close") end
  end
  return sum
end

-- check(mask) raises the PDK's error at the caller of the function that calls it.
M.check = native.check_phase

return M
