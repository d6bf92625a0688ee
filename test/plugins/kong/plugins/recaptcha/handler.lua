-- Asks a service over LuaSec's interface whether a form's answer is a human's.
local https = require "ssl.https"
local ltn12 = require "ltn12"
local cjson = require "cjson"

local P = { PRIORITY = 1000, VERSION = "1.0.0" }

function P:access(conf)
  local form = kong.request.get_body()
  if not form or not form["g-recaptcha-response"] then return kong.response.error(400, "no answer") end
  local query = "secret=" .. ngx.escape_uri(conf.secret) .. "&response=" .. ngx.escape_uri(form["g-recaptcha-response"]) .. "&remoteip=" .. kong.client.get_ip()
  local out = {}
  local _, status = https.request { url = conf.endpoint, method = "POST", source = ltn12.source.string(query), sink = ltn12.sink.table(out),
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded", ["Content-Length"] = #query } }
  if status ~= 200 or not cjson.decode(table.concat(out)).success then return kong.response.error(403, "not a human") end
end

return P
