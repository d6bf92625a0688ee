-- kong.global: phases, and the object kong.
local M = {}

M.phases = { init = 0, init_worker = 0x1, certificate = 0x2, client_hello = 0x8, rewrite = 0x10, access = 0x20, balancer = 0x40, response = 0x80,
  header_filter = 0x200, body_filter = 0x400, timer = 0x1000, log = 0x2000, preread = 0x4000, error = 0x1000000, admin_api = 0x10000000 }

function M.new() return kong end
function M.get_phase() return require("gibbon.native").phase() end

-- The gateway knows which phase and plugin run: nothing has to be told.
function M.set_phase() end
function M.set_named_ctx() end
function M.del_named_ctx() end
function M.set_namespaced_log() end
function M.reset_log() end
function M.init_pdk() return kong end

return M
