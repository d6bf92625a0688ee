-- resty.websocket.client: WebSocket connections to servers
local ws = require "gibbon.ws"
local native = require "gibbon.native"

local M = { _VERSION = "0.11" }
local mt = { __index = M }
ws.methods(M)

function M.new(_, opts)
  opts = opts or {}
  local sock, err = ngx.socket.tcp()
  if not sock then return nil, err end
  if opts.timeout then sock:settimeout(opts.timeout) end
  return setmetatable({ sock = sock, max_payload_len = opts.max_payload_len or 65535, send_masked = not opts.send_unmasked }, mt)
end

-- connect(uri, { protocols =, origin =, headers =, host =, pool =, ssl_verify =, server_name =, client_cert =, client_priv_key =, key = })
-- gives 1, nil, the head of the answer.
function M:connect(uri, opts)
  local sock = self.sock
  if not sock then return nil, "not initialized" end
  opts = opts or {}
  local scheme, host, port, path = uri:match("^(wss?)://([^:/]+):?(%d*)(.*)$")
  if not scheme then
    scheme, host = uri:match("^(wss?)://(unix:[^:]+)")
    if not host then return nil, "bad websocket uri" end
    path, port = uri:match("^wss?://unix:[^:]+:(/.*)$") or "/", ""
  end
  local tls = scheme == "wss"
  port = port ~= "" and tonumber(port) or (tls and 443 or 80)
  if path == "" then path = "/" end
  local unix = host:sub(1, 5) == "unix:"
  local ok, err
  if unix then ok, err = sock:connect(host, { pool = opts.pool }) else ok, err = sock:connect(host, port, { pool = opts.pool }) end
  if not ok then return nil, "failed to connect: " .. err end
  if tls then
    if opts.client_cert then
      ok, err = sock:setclientcert(opts.client_cert, opts.client_priv_key)
      if not ok then return nil, "failed to set TLS client certificate: " .. err end
    end
    ok, err = sock:sslhandshake(false, opts.server_name or host, opts.ssl_verify)
    if not ok then return nil, "ssl handshake failed: " .. err end
  end
  self.closed, self.fatal = nil, nil
  local key = opts.key or ngx.encode_base64(native.random_bytes(16))
  local head = { "GET " .. path .. " HTTP/1.1", "Upgrade: websocket",
    "Host: " .. (opts.host or (unix and "localhost" or host .. ((port ~= (tls and 443 or 80)) and ":" .. port or ""))),
    "Sec-WebSocket-Key: " .. key, "Sec-WebSocket-Version: 13", "Connection: Upgrade" }
  local protocols = opts.protocols
  if protocols then head[#head + 1] = "Sec-WebSocket-Protocol: " .. (type(protocols) == "table" and table.concat(protocols, ",") or protocols) end
  if opts.origin then head[#head + 1] = "Origin: " .. opts.origin end
  for _, h in ipairs(opts.headers or {}) do head[#head + 1] = h end
  ok, err = sock:send(table.concat(head, "\r\n") .. "\r\n\r\n")
  if not ok then return nil, "failed to send the handshake request: " .. err end
  local answer
  answer, err = sock:receiveuntil("\r\n\r\n")()
  if not answer then return nil, "failed to receive response header: " .. err end
  if not answer:find("^%s*HTTP/1%.1%s+") then return nil, "bad HTTP response status line: " .. answer end
  if not answer:find("^%s*HTTP/1%.1 101") then return nil, "unexpected HTTP response code: " .. (answer:match("^%s*HTTP/1%.1 (%d+)") or ""), answer end
  local accept = answer:lower():find("sec%-websocket%-accept:") and answer:match("[Ss][Ee][Cc]%-[Ww][Ee][Bb][Ss][Oo][Cc][Kk][Ee][Tt]%-[Aa][Cc][Cc][Ee][Pp][Tt]:%s*(%S+)")
  if accept ~= ws.accept(key) then return nil, "bad Sec-WebSocket-Accept header", answer end
  return 1, nil, answer
end

function M:set_keepalive(...)
  if not self.sock then return nil, "not initialized" end
  return self.sock:setkeepalive(...)
end

function M:close()
  if self.fatal then return nil, "fatal error already happened" end
  local sock = self.sock
  if not sock then return nil, "not initialized" end
  if not self.closed then
    local bytes, err = self:send_close()
    if not bytes then return nil, "failed to send close frame: " .. err end
  end
  return sock:close()
end

return M
