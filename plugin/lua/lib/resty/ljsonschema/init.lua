-- resty.ljsonschema: JSON Schema (draft 4 by default).
local op = require "gibbon.op"
local cjson = require "cjson"

local ask_compile, ask_validate = op.ask("jsonschema.compile"), op.ask("jsonschema.validate")

local M = {}
local null = cjson.null

local function text(v)
  if v == null then return "null" end
  return cjson.encode(v)
end

-- generate_validator(schema, options): function(value) → true; false, text. Raises an error for a schema that is none.
function M.generate_validator(schema, _)
  local source = type(schema) == "string" and schema or text(schema)
  local problem = ask_compile(source)
  if problem then error("failed to generate validator: " .. problem, 2) end
  return function(v)
    local ok, data = pcall(text, v)
    if not ok then return false, "the value is no JSON: " .. tostring(data) end
    local err = ask_validate(source, data)
    if err then return false, err end
    return true
  end
end

-- jsonschema_validator(schema): true, or false and what is wrong with the schema itself.
function M.jsonschema_validator(schema)
  local problem = ask_compile(type(schema) == "string" and schema or text(schema))
  if problem then return false, problem end
  return true
end

return M
