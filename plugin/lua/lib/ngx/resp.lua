-- ngx.resp as a module
local native = require "gibbon.native"
return {
  add_header = native.resp_add_header,
  set_status = function(status, reason)
    if type(status) ~= "number" then error("bad argument #1 to 'set_status' (number expected, got " .. type(status) .. ")", 2) end
    native.set_status(status)
    if reason then native.set_reason(reason) end
  end,
  bypass_if_checks = function() end,
}
