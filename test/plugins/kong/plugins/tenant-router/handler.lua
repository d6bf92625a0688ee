-- Chooses the service's address by a rule that another service knows.
local http = require "resty.http"
local stringx = require "pl.stringx"

local P = { PRIORITY = 780, VERSION = "1.0.0" }

function P:access(conf)
  local tenant = stringx.split(kong.request.get_path(), "/")[3] or "none"
  local target, err = kong.cache:get("target:" .. tenant, { ttl = 10 }, function()
    local res, e = http.new():request_uri(conf.registry .. "?tenant=" .. tenant)
    if not res then return nil, e end
    return res.body
  end)
  if not target then return kong.response.exit(502, { message = err }) end
  local host, port = target:match("^(.+):(%d+)$")
  kong.service.set_target(host, tonumber(port))
  kong.service.request.set_path("/tenant/" .. tenant)
  kong.service.request.set_query { tenant = tenant }
end

return P
