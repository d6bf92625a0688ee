-- ngx.process: this gateway has no processes of several kinds
local native = require "gibbon.native"
return {
  type = function() return "worker" end,
  get_master_pid = native.pid,
  enable_privileged_agent = function() return nil, "API disabled in the current context" end,
  signal_graceful_exit = function() end,
}
