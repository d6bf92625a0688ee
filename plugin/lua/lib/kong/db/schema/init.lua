-- kong.db.schema: definitions of fields, and schemas that a plugin makes for itself. What a schema.lua returns is read by the
-- gateway (boot/loader.lua) and needs none of this.
local op = require "gibbon.op"

local type, pairs, ipairs, setmetatable, getmetatable, tostring = type, pairs, ipairs, setmetatable, getmetatable, tostring
local ask_process = op.ask("schema.process")

local Schema = {}
Schema.__index = Schema

-- define(attributes): a definition that other fields derive from by calling it. typedef names the Go definition that it
-- stands for, nil for a plugin's own.
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

-- described(v): v without functions, definitions by name.
local function described(v)
  if type(v) ~= "table" then return type(v) ~= "function" and v or nil end
  local out = {}
  for k, e in pairs(v) do out[k] = described(e) end
  local mt = getmetatable(v)
  if type(mt) == "table" and mt.__typedef then out["$typedef"] = mt.__typedef end
  return out
end

-- new(definition): a schema; its functions (custom_validator) run here, all else is checked as a plugin's configuration is.
function Schema.new(definition)
  if type(definition) ~= "table" then return nil, "a schema is a table with fields" end
  if type(definition.fields) ~= "table" then return nil, "error in schema definition: missing 'fields'" end
  local self = {}
  for k, v in pairs(definition) do self[k] = v end
  self.description = described(definition)
  self.fields = {}
  for i, entry in ipairs(definition.fields) do
    local name, field = next(entry)
    self.fields[i], self.fields[name] = { [name] = field }, field
  end
  return setmetatable(self, Schema)
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

-- custom(fields, record): violations of custom validators by field, nil without any
local function custom(fields, record)
  local errors
  for _, entry in ipairs(fields) do
    local name, field = next(entry)
    local value = record[name]
    if value ~= nil and value ~= ngx.null then
      local err
      if field.custom_validator then
        local ok, text = field.custom_validator(value)
        if not ok then err = text or "invalid value: " .. tostring(value) end
      end
      if not err and field.type == "record" and field.fields and type(value) == "table" then err = custom(field.fields, value) end
      if err then
        errors = errors or {}
        errors[name] = err
      end
    end
  end
  return errors
end

-- validate(record): true; or nil, violations by field and the same as a text
function Schema:validate(record)
  if type(record) ~= "table" then return nil, { ["@entity"] = { "expected a record" } } end
  local filled, violations, text = ask_process(self.description, record, true)
  if not filled then return nil, violations, text end
  local errors = custom(self.fields, filled)
  if errors then return nil, errors, self:errors_to_string(errors) end
  return true
end
Schema.validate_insert, Schema.validate_upsert = Schema.validate, Schema.validate

-- process_auto_fields(record): a copy with defaults and generated values
function Schema:process_auto_fields(record)
  local filled, violations = ask_process(self.description, record, false)
  if not filled then return nil, violations end
  return filled
end

function Schema:errors_to_string(errors)
  local parts = {}
  local function add(prefix, v)
    if type(v) ~= "table" then
      parts[#parts + 1] = prefix .. ": " .. tostring(v)
      return
    end
    for k, e in pairs(v) do add(prefix == "" and tostring(k) or prefix .. "." .. tostring(k), e) end
  end
  add("", errors)
  table.sort(parts)
  local all = table.concat(parts, "; ")
  if #parts == 1 then return "schema violation (" .. all .. ")" end
  return #parts .. " schema violations (" .. all .. ")"
end

return Schema
