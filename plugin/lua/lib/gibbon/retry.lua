-- Calls what kong.service.set_target_retry_callback kept, before each further try. A callback that fails, or returns a false
-- value, ends the request: its third result is the status.
local native = require "gibbon.native"
local op = require "gibbon.op"

local pcall, tostring, type = pcall, tostring, type
local refuse = op.ask("service.refuse_retry")

return function()
  local callback = native.request().retry_callback
  if not callback then return end
  local ok, good, err, status = pcall(callback)
  if ok and good then return end
  ngx.log(ngx.ERR, "retry callback failed: ", tostring(ok and err or good))
  refuse(ok and type(status) == "number" and status or 500)
end
