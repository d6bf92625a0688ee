-- Reads uploads as a stream, whatever their size and framing, and stops bad ones.
local P = { PRIORITY = 1500, VERSION = "1.0.0" }

function P:access(conf)
  local sock, err = ngx.req.socket()
  if not sock then return kong.response.exit(400, { message = err }) end
  local sha = require("resty.sha256"):new()
  local size, tail = 0, ""
  while true do
    local data, e = sock:receiveany(16384)
    if not data then
      if e ~= "closed" then return kong.response.exit(400, { message = e }) end
      break
    end
    sha:update(data)
    size = size + #data
    if (tail .. data):find(conf.forbidden, 1, true) then return kong.response.exit(403, { message = "forbidden content" }) end
    tail = data:sub(-#conf.forbidden)
  end
  return kong.response.exit(200, { size = size, sha256 = require("resty.string").to_hex(sha:final()) })
end

return P
