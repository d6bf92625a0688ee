-- ssl.https: socket.http over TLS.
local M = { PORT = 443, TIMEOUT = 60, _VERSION = "1.3.2" }
local request

function M.request(r, body)
  request = request or require("socket.http").client "https"
  if type(r) == "string" and not r:find("://", 1, true) then r = "https://" .. r end
  return request(r, body)
end

return M
