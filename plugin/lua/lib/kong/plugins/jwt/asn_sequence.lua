-- kong.plugins.jwt.asn_sequence: ASN.1 sequences of integers (X.690), the form of ECDSA signatures in DER
local der = require "gibbon.der"
local byte, sub, rep, concat = string.byte, string.sub, string.rep, table.concat

local M = {}

-- element(input, at, tag): the content of the element that begins at at, and where the next one begins
local function element(input, at, tag)
  if byte(input, at) ~= tag then error(("expected an element of tag %d at byte %d"):format(tag, at), 3) end
  local found, content, after = der.read(input, at)
  if not found then error(content, 3) end
  return content, after
end

-- create_simple_sequence(integers): DER of a sequence of the integers, each given as the bytes of its two's complement
function M.create_simple_sequence(integers)
  if type(integers) ~= "table" then error("Argument #1 must be a table", 2) end
  local parts = {}
  for i, v in ipairs(integers) do
    if type(v) ~= "string" then error("Table values must be strings", 2) end
    parts[i] = der.write(0x02, v)
  end
  return der.write(0x30, concat(parts))
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
