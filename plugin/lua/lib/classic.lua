-- classic: classes with extend, implement, is and constructors called new.
local Object = {}
Object.__index = Object

function Object.new() end

function Object:extend()
  local class = {}
  for k, v in pairs(self) do
    if type(k) == "string" and k:find("^__") then class[k] = v end
  end
  class.__index, class.super = class, self
  return setmetatable(class, self)
end

function Object:implement(...)
  for _, from in ipairs { ... } do
    for k, v in pairs(from) do
      if self[k] == nil and type(v) == "function" then self[k] = v end
    end
  end
end

function Object:is(class)
  local mt = getmetatable(self)
  while mt do
    if mt == class then return true end
    mt = getmetatable(mt)
  end
  return false
end

function Object.__tostring() return "Object" end

function Object:__call(...)
  local obj = setmetatable({}, self)
  obj:new(...)
  return obj
end

return Object
