-- OpenResty's additions to the table library that this LuaJIT may lack as modules: table.isempty and so on.
local function module(name, fn)
  local ok, built_in = pcall(require, "table." .. name)
  if not ok then package.loaded["table." .. name] = fn end
  table[name] = ok and built_in or fn
end

module("isempty", function(t) return next(t) == nil end)
module("isarray", function(t)
  local max, n = 0, 0
  for k in pairs(t) do
    if type(k) ~= "number" or k < 1 or k % 1 ~= 0 then return false end
    if k > max then max = k end
    n = n + 1
  end
  return true
end)
module("nkeys", function(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end)
module("clone", function(t)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  return c
end)
table.new, table.clear = require "table.new", require "table.clear"
