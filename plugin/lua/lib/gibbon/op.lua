-- Functions that call an operation of the gateway (plugin/lua/ops_*.go) by its name, which is resolved at the first call.
local native = require "gibbon.native"

local M = {}

local function caller(call, name)
  local id
  return function(...)
    if not id then id = native.op(name) end
    return call(id, ...)
  end
end

-- ask(name): answers at once, usable everywhere.
function M.ask(name) return caller(native.ask, name) end

-- wait(name): suspends the handler until the gateway answers; refused where OpenResty refuses it.
function M.wait(name) return caller(native.wait, name) end

return M
