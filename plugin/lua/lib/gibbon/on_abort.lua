-- What runs when the client of a request is gone while its handlers wait (plugin/lua/abort.go).
local native = require "gibbon.native"

return function()
  local own = native.request()
  local callback = own.on_abort
  if not callback then return ngx.exit(499) end
  own.on_abort = nil
  callback()
end
