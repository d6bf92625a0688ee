-- XML in, JSON out: an element's text becomes the service's request.
local lom = require "lxp.lom"
local cjson = require "cjson"

local P = { PRIORITY = 801, VERSION = "1.0.0" }

local function find(node, tag)
  if type(node) ~= "table" then return end
  if (node.tag or ""):match("[^:]*$") == tag then return node[1] end
  for _, child in ipairs(node) do
    local v = find(child, tag)
    if v then return v end
  end
end

function P:access(conf)
  local tree, err = lom.parse(kong.request.get_raw_body() or "")
  if not tree then return kong.response.exit(400, { message = err }) end
  local body = {}
  for _, tag in ipairs(conf.elements) do body[tag] = find(tree, tag) end
  kong.service.request.set_header("Content-Type", "application/json")
  kong.service.request.set_raw_body(cjson.encode(body))
end

return P
