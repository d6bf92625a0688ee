local url = require "socket.url"
local http = require "socket.http"
local https = require "ssl.https"
local cjson_safe = require "cjson.safe"
local ltn12 = require "ltn12"
local key_conversion = require "kong.plugins.jwt-keycloak.key_conversion"

local function get_request(target, scheme, port)
  local req
  if scheme == "https" then req = https.request else req = http.request end
  local chunks = {}
  local _, status = req { url = target, port = port, sink = ltn12.sink.table(chunks) }
  if status ~= 200 then
    return nil, "Failed calling url " .. target .. " response status " .. tostring(status)
  end
  local res, err = cjson_safe.decode(table.concat(chunks))
  if not res then return nil, "Failed to parse json response " .. tostring(err) end
  return res, nil
end

local function get_issuer_keys(well_known_endpoint)
  local req = url.parse(well_known_endpoint)
  local res, err = get_request(well_known_endpoint, req.scheme, req.port)
  if err then return nil, err end
  local keys_uri = url.parse(res["jwks_uri"])
  res, err = get_request(res["jwks_uri"], keys_uri.scheme, keys_uri.port)
  if err then return nil, err end
  local keys = {}
  for i, key in ipairs(res["keys"]) do
    keys[i] = string.gsub(key_conversion.convert_kc_key(key), "[\r\n]+", "")
  end
  return keys, nil
end

return { get_request = get_request, get_issuer_keys = get_issuer_keys }
