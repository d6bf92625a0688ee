-- kong.tools.time: times in seconds and milliseconds
local native = require "gibbon.native"
local M = { get_updated_now = ngx.now, get_updated_now_ms = function() return math.floor(ngx.now() * 1000) end }

function M.time_ns() return native.time_ns() end
function M.get_now_ms() return math.floor(ngx.now() * 1000) end
function M.get_start_time_ms() return math.floor(ngx.req.start_time() * 1000) end
function M.get_updated_monotonic_ms() return native.monotonic_ns() / 1e6 end

return M
