-- resty.string: hexadecimal text and numbers
local native = require "gibbon.native"
local M = { _VERSION = "0.15" }

function M.to_hex(s) return native.to_hex(tostring(s)) end

-- atoi is C's strtoimax for a whole text of digits; -1 for anything else, as recorded.
function M.atoi(s)
  s = tostring(s)
  if not s:find("^%d+$") then return -1 end
  return tonumber(s)
end

return M
