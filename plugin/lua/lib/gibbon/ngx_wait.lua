-- The parts of ngx that wait: sleep, timers, threads, sockets.
local native = require "gibbon.native"
local op = require "gibbon.op"

local sleep = op.wait("sleep")
local checked = op.ask("client.checked")

return function(ngx)
  function ngx.sleep(...)
    local seconds = ...
    if select("#", ...) ~= 1 then error(("attempt to pass %d arguments, but accepted 1"):format(select("#", ...)), 2) end
    local s = tonumber(seconds)
    if not s then error("bad argument #1 to '?' (number expected, got " .. type(seconds) .. ")", 2) end
    if s < 0 then error(("invalid sleep duration \"%d\""):format(s * 1000), 2) end
    sleep(s)
  end

  function ngx.on_abort(callback)
    if type(callback) ~= "function" then error("bad argument #1 to 'on_abort' (function expected, got " .. type(callback) .. ")", 2) end
    native.req_method() -- refused where there is no request
    if not checked() then return nil, "lua_check_client_abort is off" end
    local own = native.request()
    if own.on_abort then return nil, "duplicate call" end
    own.on_abort = callback -- see gibbon.on_abort
    return 1
  end

  -- Thread pools are directives of nginx, and there are none here: as with a name that the reference does not know.
  function ngx.run_worker_thread(pool, module_name, function_name)
    if not native.can_wait() then native.refuse() end
    if type(pool) ~= "string" or type(module_name) ~= "string" or type(function_name) ~= "string" then
      error("the names of a thread pool, a module and a function are expected", 2)
    end
    return false, "thread pool " .. pool .. " not found"
  end

  require "gibbon.ngx_thread" (ngx)
  ngx.timer = require("gibbon.ngx_timer").ngx
  require "gibbon.ngx_socket" (ngx)
  ngx.run_worker_thread = require "gibbon.worker_thread"
end
