-- ssl: what plugins use of LuaSec, over the gateway's own sockets.
local M = { _VERSION = "1.3.2" }

-- wrap(sock, params) makes a connected socket of require "socket" one that speaks TLS after dohandshake.
function M.wrap(sock, params)
  local verify = type(params) == "table" and params.verify ~= nil and params.verify ~= "none"
  local name
  function sock.sni(_, host) name = host end
  function sock.dohandshake(self)
    local session, err = self.sock:sslhandshake(nil, name, verify)
    if not session then return nil, err end
    return true
  end
  return sock
end

function M.newcontext(params) return params end

return M
