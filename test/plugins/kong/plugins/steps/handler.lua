-- Runs the Lua code that the header X-Step names, out of the configuration: for tests of libraries. What the code returns is the answer;
-- nothing goes on to the service.
local cjson = require "cjson.safe"

local Steps = { PRIORITY = 1000, VERSION = "0.1.0" }
local compiled = {}

local function answer(...)
  local n = select("#", ...)
  if n == 0 then return end
  local list = { ... }
  for i = 1, n do
    local v = list[i]
    if v == nil then list[i] = "nil" elseif type(v) == "table" then list[i] = cjson.encode(v) or tostring(v) else list[i] = tostring(v) end
  end
  return kong.response.exit(200, table.concat(list, " ", 1, n))
end

function Steps:access(conf)
  local name = kong.request.get_header("x-step") or "default"
  local code = conf.steps[name]
  if not code then return kong.response.exit(404, "no step " .. name) end
  local fn = compiled[code]
  if not fn then
    fn = assert(loadstring("local conf = ... " .. code, "=" .. name))
    compiled[code] = fn
  end
  return answer(fn(conf))
end

return Steps
