-- resty.timerng: systems of timers with names. The gateway's own timers are as cheap, so the sizes that its options give have no effect.
local timers = require "gibbon.ngx_timer"

local M = { _VERSION = "0.2.7" }

function M.new(options)
  if options ~= nil and type(options) ~= "table" then error("expected `options` to be a table", 2) end
  return timers.new()
end

return M
