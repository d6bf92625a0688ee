-- The schemas of entities as plugins look at them (kong.db.<entity>.schema): a list of fields that has their names as
-- keys, too.
local M = {}

local Schema = {}
Schema.__index = Schema

-- new(description): of what the gateway tells of a kind (plugin/lua/ops_db.go)
function M.new(description)
  local fields = {}
  for i, entry in ipairs(description.fields) do
    local name, attributes = next(entry)
    fields[i], fields[name] = entry, attributes
  end
  return setmetatable({
    name = description.name, primary_key = description.primary_key, cache_key = description.cache_key, endpoint_key = description.endpoint_key,
    workspaceable = description.workspaceable, ttl = description.ttl or nil, fields = fields, admin_api_name = description.admin_api_name,
    admin_api_nested_name = description.admin_api_nested_name,
  }, Schema)
end

-- each_field(): name and attributes of each field in order
function Schema:each_field()
  local i = 0
  return function()
    i = i + 1
    local entry = self.fields[i]
    if entry then return next(entry) end
  end
end

-- extract_pk_values(entity): its primary key
function Schema:extract_pk_values(entity)
  local pk = {}
  for _, name in ipairs(self.primary_key) do pk[name] = entity[name] end
  return pk
end

return M
