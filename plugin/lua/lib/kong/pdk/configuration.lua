-- kong.configuration: the settings, read-only.
local op = require "gibbon.op"
local ask = op.ask("configuration.get")
local ask_clean = op.ask("configuration.clean")

local cache, missing = {}, {}
local M = { remove_sensitive = function() return ask_clean() end }

return setmetatable(M, {
  __index = function(_, name)
    local v = cache[name]
    if v == nil and not missing[name] then
      local known
      v, known = ask(name)
      if v ~= nil then cache[name] = v elseif known then missing[name] = true end
    end
    return v
  end,
  __newindex = function() error("cannot write to configuration", 2) end,
})
