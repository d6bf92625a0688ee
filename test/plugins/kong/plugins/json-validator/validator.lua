-- a small part of JSON Schema
local cjson = require "cjson"
local M = {}

local function kind(v)
  if v == cjson.null then return "null" end
  local t = type(v)
  if t == "table" then return getmetatable(v) == cjson.array_mt and "array" or (#v > 0 and "array" or "object") end
  if t == "number" then return v % 1 == 0 and "integer" or "number" end
  return t
end

local function check(schema, v, path, problems)
  local k = kind(v)
  if schema.type and k ~= schema.type and not (schema.type == "number" and k == "integer") then
    problems[#problems + 1] = path .. ": wrong type: expected " .. schema.type .. ", got " .. k
    return
  end
  if schema.pattern and not ngx.re.find(v, schema.pattern, "jo") then problems[#problems + 1] = path .. ": pattern mismatch" end
  if schema.minimum and v < schema.minimum then problems[#problems + 1] = path .. ": expected at least " .. schema.minimum end
  if schema.enum then
    local found = false
    for _, e in ipairs(schema.enum) do found = found or e == v end
    if not found then problems[#problems + 1] = path .. ": not one of the enumerated values" end
  end
  if k == "object" then
    for _, name in ipairs(schema.required or {}) do
      if v[name] == nil then problems[#problems + 1] = path .. "." .. name .. ": is required" end
    end
    for name, sub in pairs(schema.properties or {}) do
      if v[name] ~= nil then check(sub, v[name], path .. "." .. name, problems) end
    end
  elseif k == "array" and schema.items then
    for i, e in ipairs(v) do check(schema.items, e, path .. "[" .. i .. "]", problems) end
  end
end

function M.compile(schema)
  return function(body)
    local problems = setmetatable({}, cjson.empty_array_mt or cjson.array_mt)
    check(schema, body, "$", problems)
    table.sort(problems)
    return #problems == 0, problems
  end
end

return M
