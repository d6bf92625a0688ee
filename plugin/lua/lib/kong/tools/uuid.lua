-- kong.tools.uuid: making and checking UUIDs
local native = require "gibbon.native"
local M = {}

-- uuid(): a random one (version 4)
function M.uuid()
  local h = native.to_hex(native.random_bytes(16))
  local variant = ("89ab"):sub(tonumber(h:sub(17, 17), 16) % 4 + 1, tonumber(h:sub(17, 17), 16) % 4 + 1)
  return h:sub(1, 8) .. "-" .. h:sub(9, 12) .. "-4" .. h:sub(14, 16) .. "-" .. variant .. h:sub(18, 20) .. "-" .. h:sub(21)
end
M.generate_v4 = M.uuid

function M.is_valid_uuid(s)
  return type(s) == "string" and #s == 36 and s:find("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$") == 1
end

return setmetatable(M, { __call = function() return M.uuid() end })
