-- Answers with a document that it fetches itself.
local http = require "resty.http"

local P = { PRIORITY = 2400, VERSION = "1.0.0" }

function P:access(conf)
  if ngx.req.get_method() ~= "GET" or not ngx.var.request_uri:find("/specz$") then return end
  local c = http.new()
  assert(c:connect { scheme = "http", host = conf.host, port = conf.port })
  local res = assert(c:request { path = "/spec", headers = { Host = conf.host } })
  ngx.status, ngx.header["Content-Type"] = res.status, res.headers["Content-Type"]
  repeat -- streamed
    local chunk = assert(res.body_reader(1000) or "")
    ngx.print(chunk)
  until chunk == ""
  c:set_keepalive()
  return ngx.exit(res.status)
end

return P
