-- Asks an HTTP service about each request, over a kept connection, as an authorization plugin does.
local http = require "resty.http"

local Callout = { PRIORITY = 900, VERSION = "1.0.0" }

function Callout:access(conf)
  local client = http.new()
  client:set_timeouts(1000, 1000, 1000)
  local res, err = client:request_uri(conf.url, { method = "GET", headers = { ["X-Path"] = ngx.var.uri }, keepalive_timeout = 60000, keepalive_pool = 1000 })
  if not res or res.status ~= 200 then
    ngx.log(ngx.ERR, "the service did not answer: ", err)
    return ngx.exit(500)
  end
  ngx.req.set_header("X-Answer", res.headers["Content-Length"])
end

return Callout
