local lom = require "lxp.lom"
local cjson = require "cjson.safe"

local Soap = { PRIORITY = 850, VERSION = "0.5.0" }

local escapes = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;" }

local function to_xml(name, value)
  if type(value) == "table" then
    local out, keys = {}, {}
    if #value > 0 then
      for _, v in ipairs(value) do out[#out + 1] = to_xml(name, v) end
      return table.concat(out)
    end
    for k in pairs(value) do keys[#keys + 1] = k end
    table.sort(keys)
    for _, k in ipairs(keys) do out[#out + 1] = to_xml(k, value[k]) end
    return "<" .. name .. ">" .. table.concat(out) .. "</" .. name .. ">"
  end
  return "<" .. name .. ">" .. tostring(value):gsub('[<>&"]', escapes) .. "</" .. name .. ">"
end

local function to_table(node)
  local out, texts, children = {}, {}, 0
  for _, child in ipairs(node) do
    if type(child) == "table" then
      children = children + 1
      out[child.tag:gsub("^.*:", "")] = to_table(child)
    else
      texts[#texts + 1] = child
    end
  end
  if children == 0 then return table.concat(texts) end
  return out
end

function Soap:access(conf)
  local body, err = kong.request.get_body("application/json")
  if not body then
    return kong.response.exit(400, { message = err })
  end
  local xml = '<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>' ..
    to_xml(conf.method, body) .. "</soap:Body></soap:Envelope>"
  kong.service.request.set_header("Content-Type", "text/xml; charset=utf-8")
  kong.service.request.set_header("SOAPAction", conf.method)
  kong.service.request.set_raw_body(xml)
  kong.service.request.set_method("POST")
end

function Soap:response(conf)
  local raw = kong.service.response.get_raw_body()
  local status = kong.service.response.get_status()
  local tree, err = lom.parse(raw)
  if not tree then
    kong.log.err("cannot parse: ", err)
    return kong.response.exit(502, { message = "bad answer from service" })
  end
  local envelope = to_table(tree)
  if envelope.Body and envelope.Body.Fault then
    return kong.response.exit(500, { fault = envelope.Body.Fault.faultstring })
  end
  kong.response.clear_header("X-Powered-By")
  return kong.response.exit(status, cjson.encode(envelope.Body), { ["Content-Type"] = "application/json" })
end

return Soap
