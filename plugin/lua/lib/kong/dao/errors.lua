-- kong.dao.errors: the errors of old versions' DAOs, which plugins' schemas gave.
local M = {}
local mt = { __tostring = function(self) return tostring(self.message) end }

for _, kind in ipairs { "unique", "foreign", "schema", "db", "conf" } do
  M[kind] = function(message) return setmetatable({ [kind] = true, tbl = type(message) == "table" and message or nil, message = message }, mt) end
end

return M
