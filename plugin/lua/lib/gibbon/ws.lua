-- WebSocket frames over sockets (RFC 6455), for resty.websocket.
local bit = require "bit"
local native = require "gibbon.native"
local band, bor, bxor, rshift = bit.band, bit.bor, bit.bxor, bit.rshift
local byte, char, concat, type, tostring, sub, floor = string.byte, string.char, table.concat, type, tostring, string.sub, math.floor

local M = {}
local NAMES = { [0] = "continuation", [1] = "text", [2] = "binary", [8] = "close", [9] = "ping", [10] = "pong" }
local BLOCK = 4096

-- mask applies a key of four bytes.
local function mask(key, s)
  local k1, k2, k3, k4 = byte(key, 1, 4)
  local out, n = {}, #s
  for from = 1, n, BLOCK do
    local b = { byte(s, from, math.min(from + BLOCK - 1, n)) }
    local last = #b
    for i = 1, last - 3, 4 do
      b[i], b[i + 1], b[i + 2], b[i + 3] = bxor(b[i], k1), bxor(b[i + 1], k2), bxor(b[i + 2], k3), bxor(b[i + 3], k4)
    end
    local keys = { k1, k2, k3, k4 }
    for i = last - last % 4 + 1, last do b[i] = bxor(b[i], keys[(i - 1) % 4 + 1]) end
    out[#out + 1] = char(unpack(b))
  end
  return concat(out)
end

-- receive(sock, max, force_masking) gives data, type, err: of close frames data is the reason and err the code; an unfinished
-- fragment has err "again".
function M.receive(sock, max, force_masking)
  local head, err = sock:receive(2)
  if not head then return nil, nil, "failed to receive the first 2 bytes: " .. err end
  local first, second = byte(head, 1, 2)
  local fin, opcode = band(first, 0x80) ~= 0, band(first, 0x0f)
  if band(first, 0x70) ~= 0 then return nil, nil, "bad RSV1, RSV2, or RSV3 bits" end
  if opcode >= 0x3 and opcode <= 0x7 then return nil, nil, "reserved non-control frames" end
  if opcode >= 0xb then return nil, nil, "reserved control frames" end
  local masked = band(second, 0x80) ~= 0
  if force_masking and not masked then return nil, nil, "frame unmasked" end
  local len = band(second, 0x7f)
  if len == 126 or len == 127 then
    local n = len == 126 and 2 or 8
    local data
    data, err = sock:receive(n)
    if not data then return nil, nil, "failed to receive the " .. n .. " byte payload length: " .. (err or "unknown") end
    len = 0
    for i = 1, n do len = len * 256 + byte(data, i) end
    if n == 8 and byte(data, 1) >= 0x80 then return nil, nil, "payload len too large" end
  end
  if opcode >= 8 then
    if len > 125 then return nil, nil, "too long payload for control frame" end
    if not fin then return nil, nil, "fragmented control frame" end
  end
  if len > max then return nil, nil, "exceeding max payload len" end
  local want = len + (masked and 4 or 0)
  local data = ""
  if want > 0 then
    data, err = sock:receive(want)
    if not data then return nil, nil, "failed to read masking-len and payload: " .. err end
  end
  if masked then data = mask(sub(data, 1, 4), sub(data, 5)) end
  if opcode == 8 then
    if len == 0 then return "", "close", nil end
    if len < 2 then return nil, nil, "close frame with a body must carry a 2-byte status code" end
    local a, b = byte(data, 1, 2)
    return sub(data, 3), "close", a * 256 + b
  end
  return data, NAMES[opcode], not fin and "again" or nil
end

-- send writes one frame; the number of bytes, or nil and a text.
function M.send(sock, fin, opcode, payload, max, masking)
  payload = type(payload) == "string" and payload or tostring(payload or "")
  local n = #payload
  if n > max then return nil, "payload too big" end
  if band(opcode, 0x8) ~= 0 then
    if n > 125 then return nil, "too much payload for control frame" end
    if not fin then return nil, "fragmented control frame" end
  end
  local out = { char(fin and bor(0x80, opcode) or opcode) }
  local bit_mask = masking and 0x80 or 0
  if n <= 125 then out[2] = char(bor(n, bit_mask))
  elseif n <= 65535 then out[2] = char(bor(126, bit_mask), rshift(n, 8), band(n, 0xff))
  else
    out[2] = char(bor(127, bit_mask), 0, 0, 0, 0, floor(n / 0x1000000) % 256, band(rshift(n, 16), 0xff), band(rshift(n, 8), 0xff), band(n, 0xff))
  end
  if masking then
    local key = native.random_bytes(4)
    out[3], out[4] = key, mask(key, payload)
  else
    out[3] = payload
  end
  local bytes, err = sock:send(out)
  if not bytes then return nil, "failed to send frame: " .. err end
  return bytes
end

local function failing(self, err)
  self.fatal = true
  return nil, err
end

-- methods adds to class what client and server share.
function M.methods(class)
  function class:set_timeout(ms)
    if not self.sock then return nil, "not initialized yet" end
    return self.sock:settimeout(ms)
  end

  function class:recv_frame()
    if self.fatal then return nil, nil, "fatal error already happened" end
    if not self.sock then return nil, nil, "not initialized yet" end
    local data, typ, err = M.receive(self.sock, self.max_payload_len, self.is_server)
    if not data and not (err or ""):find(": timeout", 1, true) then self.fatal = true end
    return data, typ, err
  end

  function class:send_frame(fin, opcode, payload)
    if self.fatal then return nil, "fatal error already happened" end
    if self.closed then return nil, "already closed" end
    if not self.sock then return nil, "not initialized yet" end
    local bytes, err = M.send(self.sock, fin, opcode, payload, self.max_payload_len, self.send_masked)
    if not bytes then return failing(self, err) end
    return bytes
  end

  function class:send_text(data) return self:send_frame(true, 1, data) end
  function class:send_binary(data) return self:send_frame(true, 2, data) end
  function class:send_ping(data) return self:send_frame(true, 9, data) end
  function class:send_pong(data) return self:send_frame(true, 10, data) end

  function class:send_close(code, msg)
    local payload
    if code then
      if type(code) ~= "number" or code > 0x7fff then return nil, "bad status code" end
      payload = char(band(rshift(code, 8), 0xff), band(code, 0xff)) .. (msg or "")
    end
    local bytes, err = self:send_frame(true, 8, payload)
    if not bytes then return nil, err end
    self.closed = true
    return bytes
  end
end

-- accept(key) is what answers a Sec-WebSocket-Key.
function M.accept(key) return ngx.encode_base64(ngx.sha1_bin(key .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) end

return M
