-- resty.websocket.protocol: frames by themselves.
local ws = require "gibbon.ws"
return {
  recv_frame = function(sock, max, force_masking) return ws.receive(sock, max, force_masking) end,
  send_frame = function(sock, fin, opcode, payload, max, masking) return ws.send(sock, fin, opcode, payload, max, masking) end,
}
