-- kong.db.schema: Schema.define makes a field definition that other fields derive from by calling it.

local Schema = {}

-- define(attributes): a definition. typedef names the Go definition that it stands for, nil for a plugin's own.
function Schema.define(attributes, typedef)
  return setmetatable(attributes, {
    __typedef = typedef,
    __call = function(self, changes)
      local field = {}
      for k, v in pairs(self) do field[k] = v end
      for k, v in pairs(changes or {}) do field[k] = v end
      return Schema.define(field, typedef)
    end,
  })
end

return Schema
