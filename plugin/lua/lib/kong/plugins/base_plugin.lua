-- kong.plugins.base_plugin: the class that handlers of old times derive from
local Base = {}
Base.__index = Base

local told

-- extend() gives a class whose super is this one.
function Base:extend()
  if not told then
    told = true
    kong.log.deprecation("kong.plugins.base_plugin is deprecated: a handler is a plain table", { after = "2.4", removal = "3.0" })
  end
  local class = {}
  for k, v in pairs(self) do
    if type(k) == "string" and k:sub(1, 2) == "__" then class[k] = v end
  end
  class.__index = class
  class.super = self
  return setmetatable(class, self)
end

function Base:new(name) self._name = name end

for _, phase in ipairs { "init_worker", "certificate", "rewrite", "access", "response", "header_filter", "body_filter", "log", "preread" } do
  Base[phase] = function() end
end

-- A class called gives an object: __call is the class's own, since extend hands it on to classes below.
function Base.__call(class, ...)
  local object = setmetatable({}, class)
  object:new(...)
  return object
end

return setmetatable(Base, { __call = Base.__call })
