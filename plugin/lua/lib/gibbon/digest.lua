-- Running digests in the shape of lua-resty-string's modules.
local native = require "gibbon.native"

return function(name)
  local M = { _VERSION = "0.15" }
  local methods = { __index = M }

  function M.new()
    local state = native.digest_new(name)
    return state and setmetatable({ state = state }, methods)
  end
  function M.update(self, s, len)
    s = tostring(s)
    return self.state:update(len and s:sub(1, len) or s)
  end
  function M.final(self) return self.state:final() end
  function M.reset(self) return self.state:reset() end

  return M
end
