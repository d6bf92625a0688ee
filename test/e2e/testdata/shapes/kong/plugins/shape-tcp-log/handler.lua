-- Sends a line per request to a broker, from a timer that the log phase starts.
local cjson = require "cjson"

local P = { PRIORITY = 5, VERSION = "1.0.0" }

local function send(premature, conf, message)
  if premature then return end
  local sock = ngx.socket.tcp()
  sock:settimeout(conf.timeout)
  local ok, err = sock:connect(conf.host, conf.port)
  if not ok then return kong.log.err("failed to connect: ", err) end
  if sock:getreusedtimes() == 0 and conf.tls then assert(sock:sslhandshake(true, conf.host, false)) end
  ok, err = sock:send(message .. "\n")
  if not ok then return kong.log.err("failed to send: ", err) end
  sock:receive()
  sock:setkeepalive(10000)
end

function P:log(conf)
  local entry = kong.log.serialize()
  local ok, err = ngx.timer.at(0, send, conf, cjson.encode { path = entry.request.uri, status = entry.response.status, client = entry.client_ip })
  if not ok then kong.log.err("failed to create timer: ", err) end
end

return P
