-- kong.plugins.jwt.asn_sequence: ASN.1 sequences of integers (X.690), the form of ECDSA signatures in DER
local byte, char, sub, rep, concat = string.byte, string.char, string.sub, string.rep, table.concat

local M = {}

-- length(n): the bytes that say how long what follows is
local function length(n)
  if n < 0x80 then return char(n) end
  local bytes = ""
  while n > 0 do
    bytes = char(n % 256) .. bytes
    n = math.floor(n / 256)
  end
  return char(0x80 + #bytes) .. bytes
end

-- element(input, at, tag): the content of the element that begins at at, and where the next one begins
local function element(input, at, tag)
  if byte(input, at) ~= tag then error(("expected an element of tag %d at byte %d"):format(tag, at), 3) end
  local n = byte(input, at + 1)
  at = at + 2
  if not n then error("the sequence is cut short", 3) end
  if n >= 0x80 then
    local count = n - 0x80
    if count < 1 or count > 3 then error("the length of an element is not understood", 3) end
    n = 0
    for i = 0, count - 1 do n = n * 256 + (byte(input, at + i) or error("the sequence is cut short", 3)) end
    at = at + count
  end
  if at + n - 1 > #input then error("the sequence is cut short", 3) end
  return sub(input, at, at + n - 1), at + n
end

-- create_simple_sequence(integers): DER of a sequence of the integers, each given as the bytes of its two's complement
function M.create_simple_sequence(integers)
  if type(integers) ~= "table" then error("Argument #1 must be a table", 2) end
  local parts = {}
  for i, v in ipairs(integers) do
    if type(v) ~= "string" then error("Table values must be strings", 2) end
    parts[i] = "\2" .. length(#v) .. v
  end
  local content = concat(parts)
  return "\48" .. length(#content) .. content
end

-- parse_simple_sequence(der): the integers of a sequence
function M.parse_simple_sequence(input)
  if type(input) ~= "string" then error("Argument #1 must be string", 2) end
  if #input == 0 then error("Argument #1 must not be empty", 2) end
  local content, after = element(input, 1, 0x30)
  if after <= #input then error("bytes follow the sequence", 2) end
  local out, at = {}, 1
  while at <= #content do
    out[#out + 1], at = element(content, at, 0x02)
  end
  return out
end

-- unsign_integer(integer, size): the last size bytes of a positive integer, with zeros before them where it is shorter
function M.unsign_integer(input, size)
  if type(input) ~= "string" then error("Argument #1 must be string", 2) end
  if #input == 0 then error("Argument #1 must not be empty", 2) end
  if #input < size then return rep("\0", size - #input) .. input end
  return sub(input, -size)
end

-- resign_integer(bytes): the shortest two's complement of what the bytes say as a positive number
function M.resign_integer(input)
  if type(input) ~= "string" then error("Argument #1 must be string", 2) end
  if #input == 0 then error("Argument #1 must not be empty", 2) end
  local bytes = input:gsub("^%z+", "")
  if bytes == "" or byte(bytes) >= 0x80 then bytes = "\0" .. bytes end
  return bytes
end

return M
