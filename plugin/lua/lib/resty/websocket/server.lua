-- resty.websocket.server: a handler that is a WebSocket's other end itself. It takes the client's connection over.
local ws = require "gibbon.ws"

local M = { _VERSION = "0.11" }
local mt = { __index = M }
ws.methods(M)

local function one(v) return type(v) == "table" and v[1] or v end

-- new { max_payload_len =, send_masked =, timeout = } answers the handshake.
function M.new(_, opts)
  opts = opts or {}
  if ngx.headers_sent then return nil, "response header already sent" end
  if ngx.req.http_version() ~= 1.1 then return nil, "bad http version" end
  local headers = ngx.req.get_headers()
  local upgrade, connection = one(headers.upgrade), one(headers.connection)
  if not upgrade or upgrade:lower() ~= "websocket" then return nil, "bad \"upgrade\" request header: " .. tostring(upgrade) end
  if not connection or not connection:lower():find("upgrade", 1, true) then return nil, "bad \"connection\" request header" end
  local key, version = one(headers["sec-websocket-key"]), one(headers["sec-websocket-version"])
  if not key then return nil, "bad \"sec-websocket-key\" request header" end
  if version ~= "13" then return nil, "bad \"sec-websocket-version\" request header" end
  local protocol = one(headers["sec-websocket-protocol"])
  local sock, err = ngx.req.socket(true)
  if not sock then return nil, err end
  if opts.timeout then sock:settimeout(opts.timeout) end
  local head = { "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade", "Sec-WebSocket-Accept: " .. ws.accept(key) }
  if protocol then head[#head + 1] = "Sec-WebSocket-Protocol: " .. protocol end
  ngx.status = 101
  local ok
  ok, err = sock:send(table.concat(head, "\r\n") .. "\r\n\r\n")
  if not ok then return nil, "failed to send response header: " .. err end
  return setmetatable({ sock = sock, max_payload_len = opts.max_payload_len or 65535, send_masked = opts.send_masked, is_server = true }, mt)
end

return M
