-- kong.tools.rand: random bytes and strings
local native = require "gibbon.native"
local M = {}

function M.get_rand_bytes(n) return native.random_bytes(n) end

-- random_string(): 32 letters and digits
function M.random_string()
  return (native.encode_base64(native.random_bytes(24)):gsub("[/+]", function(c)
    return c == "/" and string.char(math.random(48, 57)) or string.char(math.random(65, 90))
  end))
end

function M.get_random_seed() return tonumber(native.to_hex(native.random_bytes(6)), 16) end

return M
