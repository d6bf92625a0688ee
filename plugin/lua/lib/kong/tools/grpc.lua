-- kong.tools.grpc: the frames of gRPC messages.
local byte, char, sub = string.byte, string.char, string.sub
local floor = math.floor

local M = {}
M.__index = M

function M.new() return setmetatable({}, M) end

-- frame(kind, message) puts the five bytes before a message.
function M.frame(kind, message)
  local n = #message
  return char(kind, floor(n / 0x1000000) % 256, floor(n / 0x10000) % 256, floor(n / 0x100) % 256, n % 256) .. message
end

-- unframe(body) gives the first message and what follows; nil and body if it is not complete.
function M.unframe(body)
  if not body or #body <= 5 then return nil, body end
  local _, a, b, c, d = byte(body, 1, 5)
  local last = 5 + ((a * 256 + b) * 256 + c) * 256 + d
  if #body < last then return nil, body end
  return sub(body, 6, last), sub(body, last + 1)
end

return M
