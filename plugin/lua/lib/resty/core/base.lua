-- resty.core.base: what Lua code outside of lua-resty-core uses of it
local ok, new_tab = pcall(require, "table.new")
local M = { version = "0.1.28", new_tab = ok and new_tab or function() return {} end, FFI_OK = 0, FFI_NO_REQ_CTX = -100, FFI_BAD_CONTEXT = -101,
  FFI_ERROR = -1, FFI_AGAIN = -2, FFI_DONE = -4, FFI_DECLINED = -5 }
M.clear_tab = require "table.clear"

-- get_request(): truthy where there is a request
function M.get_request()
  local phase = ngx.get_phase()
  if phase == "init" or phase == "init_worker" or phase == "timer" then return nil end
  return true
end

function M.allows_subsystem(...)
  for i = 1, select("#", ...) do if select(i, ...) == ngx.config.subsystem then return end end
  error("unsupported subsystem: " .. ngx.config.subsystem, 2)
end

return M
