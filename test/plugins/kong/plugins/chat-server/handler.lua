-- Is the other end of a WebSocket itself.
local server = require "resty.websocket.server"

local P = { PRIORITY = 10, VERSION = "1.0.0" }

function P:access()
  if kong.request.get_header("Upgrade") == nil then return end
  local ws, err = server:new { timeout = 5000, max_payload_len = 65535 }
  if not ws then return kong.response.exit(400, { message = err }) end
  while true do
    local data, kind, why = ws:recv_frame()
    if not data then
      kong.log.err("no frame: ", why)
      break
    end
    if kind == "close" then
      ws:send_close(1000, "bye")
      break
    elseif kind == "ping" then ws:send_pong(data)
    elseif kind == "text" then ws:send_text("you said " .. data) end
  end
  return ngx.exit(444)
end

return P
