local bit = require "bit"

local b64map = { "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z",
  "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z",
  "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "+", "/" }

local function encode64(s)
  local out = {}
  for i = 1, #s, 3 do
    local a, b, c = s:byte(i, i + 2)
    local n = bit.bor(bit.lshift(a, 16), bit.lshift(b or 0, 8), c or 0)
    out[#out + 1] = b64map[bit.rshift(n, 18) + 1] .. b64map[bit.band(bit.rshift(n, 12), 63) + 1] ..
      (b and b64map[bit.band(bit.rshift(n, 6), 63) + 1] or "=") .. (c and b64map[bit.band(n, 63) + 1] or "=")
  end
  return table.concat(out)
end

local function length(n)
  if n < 0x80 then return string.char(n) end
  if n < 0x100 then return string.char(0x81, n) end
  return string.char(0x82, bit.rshift(n, 8), bit.band(n, 0xff))
end

local function integer(s)
  if s:byte(1) >= 0x80 then s = "\0" .. s end
  return "\2" .. length(#s) .. s
end

local function unurl(s)
  s = s:gsub("-", "+"):gsub("_", "/")
  return ngx.decode_base64(s .. ("="):rep((4 - #s % 4) % 4))
end

local function convert_kc_key(key)
  local body = integer(unurl(key.n)) .. integer(unurl(key.e))
  local rsa = "\48" .. length(#body) .. body
  local bits = "\3" .. length(#rsa + 1) .. "\0" .. rsa
  local algorithm = "\48\13\6\9\42\134\72\134\247\13\1\1\1\5\0"
  local der = "\48" .. length(#algorithm + #bits) .. algorithm .. bits
  local lines = {}
  local text = encode64(der)
  for i = 1, #text, 64 do lines[#lines + 1] = text:sub(i, i + 63) end
  -- carried as base64, as keys of issuers are
  return encode64("-----BEGIN PUBLIC KEY-----\n" .. table.concat(lines, "\n") .. "\n-----END PUBLIC KEY-----\n")
end

return { convert_kc_key = convert_kc_key }
