-- Lists that look like libcrypto's stacks do in resty.openssl: indexed by number, with each, all, count, index and add.
local M = {}

-- kind(name, takes): a module of such lists; takes(v) gives what is kept of v, or nil and why it is refused.
function M.kind(name, takes)
  local module, methods = {}, {}
  local mt = { __index = methods }

  function module.adopt(list) return setmetatable(list, mt) end
  function module.new() return module.adopt {} end
  function module.istype(v) return type(v) == "table" and getmetatable(v) == mt end

  function module.dup(other)
    if not module.istype(other) then return nil, name .. ".dup: expect an instance of it at #1" end
    return module.adopt { unpack(other) }
  end

  function methods:add(v)
    local kept, err = takes(v)
    if kept == nil then return nil, name .. ":add: " .. err end
    self[#self + 1] = kept
    return true
  end

  function methods:count() return #self end
  function methods:index(i) return self[i] end
  function methods:all() return { unpack(self) } end

  function methods:each()
    local i = 0
    return function()
      i = i + 1
      if self[i] ~= nil then return i, self[i] end
    end
  end
  return module, methods
end

return M
