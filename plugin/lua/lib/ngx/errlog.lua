-- ngx.errlog: the error log; captured logs are not kept
local native = require "gibbon.native"
return {
  raw_log = function(level, msg)
    if type(level) ~= "number" then error("bad argument #1 to 'raw_log' (must be a number)", 2) end
    if type(msg) ~= "string" then error("bad argument #2 to 'raw_log' (must be a string)", 2) end
    if level < 0 or level > 8 then error("bad log level", 2) end
    native.log(level, msg)
  end,
  get_sys_filter_level = native.log_level,
  set_filter_level = function() return nil, "directive \"lua_capture_error_log\" is not set" end,
  get_logs = function() return nil, "directive \"lua_capture_error_log\" is not set" end,
}
