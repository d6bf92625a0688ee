-- Lets only JSON bodies through that have the fields they should.
local cjson = require "cjson.safe"
cjson.decode_array_with_array_mt(true)

local P = { PRIORITY = 999, VERSION = "1.0.0" }

local function problem(field, v)
  if v == nil then return field.required and field.name .. " is required" end
  if field.type == "integer" then
    if type(v) ~= "number" or v % 1 ~= 0 then return field.name .. " must be an integer" end
  elseif field.type == "array" then
    if getmetatable(v) ~= cjson.array_mt then return field.name .. " must be an array" end
  elseif type(v) ~= field.type then
    return field.name .. " must be a " .. field.type
  end
  if field.pattern and not ngx.re.find(v, field.pattern, "jo") then return field.name .. " does not match" end
end

function P:access(conf)
  local kind = kong.request.get_header("Content-Type")
  if not kind or not kind:find("application/json", 1, true) then return kong.response.exit(415, { message = "JSON, please" }) end
  local body, err = cjson.decode(kong.request.get_raw_body())
  if not body then return kong.response.exit(400, { message = "not JSON", detail = err }) end
  local problems = {}
  for _, f in ipairs(conf.fields) do problems[#problems + 1] = problem(f, body[f.name]) end
  if #problems > 0 then return kong.response.exit(400, { message = "validation failed", problems = problems }) end
end

return P
