-- Elements of ASN.1 in DER (X.690, 8.1): a tag of one byte, a length, the content.
local byte, char, sub = string.byte, string.char, string.sub

local M = {}

-- write(tag, content): the element's bytes.
function M.write(tag, content)
  local n, length = #content, ""
  if n < 0x80 then return char(tag, n) .. content end
  while n > 0 do
    length, n = char(n % 256) .. length, math.floor(n / 256)
  end
  return char(tag, 0x80 + #length) .. length .. content
end

-- read(der, at): the tag of the element that begins at at, its content and where the next one begins; nil and why not.
function M.read(der, at)
  local tag, n = byte(der, at, at + 1)
  if not n then return nil, "the sequence is cut short" end
  at = at + 2
  if n >= 0x80 then
    local count = n - 0x80
    if count < 1 or count > 3 then return nil, "the length of an element is not understood" end
    n = 0
    for i = 0, count - 1 do
      local b = byte(der, at + i)
      if not b then return nil, "the sequence is cut short" end
      n = n * 256 + b
    end
    at = at + count
  end
  if at + n - 1 > #der then return nil, "the sequence is cut short" end
  return tag, sub(der, at, at + n - 1), at + n
end

return M
