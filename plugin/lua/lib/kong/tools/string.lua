-- kong.tools.string: splitting, stripping and replacing
local M = {}

-- split(s, delimiter, max): a list of parts; the delimiter is plain text.
function M.split(s, delimiter, max)
  local out = {}
  if s == "" then return { "" } end
  if not delimiter or delimiter == "" then
    for i = 1, #s do out[i] = s:sub(i, i) end
    return out
  end
  local at = 1
  while not max or max < 1 or #out + 1 < max do
    local from, to = s:find(delimiter, at, true)
    if not from then break end
    out[#out + 1] = s:sub(at, from - 1)
    at = to + 1
  end
  out[#out + 1] = s:sub(at)
  return out
end

-- splitn(s, delimiter, n): at most n parts as a list and how many.
function M.splitn(s, delimiter, n)
  local t = M.split(s, delimiter, n)
  return t, #t
end

function M.isplitn(s, delimiter, n)
  local t, i = M.split(s, delimiter, n), 0
  return function()
    i = i + 1
    return t[i]
  end
end

function M.strip(s)
  if s == nil then return "" end
  return (tostring(s):gsub("^%s+", ""):gsub("%s+$", ""))
end
M.trim = M.strip

function M.bytes_to_str(bytes, unit, scale)
  local u = (unit or "b"):lower()
  scale = scale or 2
  if u == "" or u == "b" then return bytes end
  local by, name = 1, ""
  if u == "k" then by, name = 1024, "KiB" elseif u == "m" then by, name = 1024 ^ 2, "MiB" elseif u == "g" then by, name = 1024 ^ 3, "GiB"
  else error("invalid unit '" .. unit .. "' (expected 'k/K', 'm/M', or 'g/G')", 2) end
  return ("%." .. scale .. "f %s"):format(bytes / by, name)
end

function M.replace_dashes(s) return (s:gsub("-", "_")) end
function M.replace_dashes_lower(s) return (s:gsub("-", "_"):lower()) end

local native = require "gibbon.native"
function M.to_hex(s) return native.to_hex(s) end
function M.from_hex(s)
  if #s % 2 ~= 0 or s:find("%X") then return nil end
  return (s:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
end

function M.format_host(p1, p2)
  if type(p1) == "table" then return M.format_host(p1.host, p1.port or p2) end
  if not p1 then return nil, p2 end
  local host = p1:find(":", 1, true) and p1:sub(1, 1) ~= "[" and "[" .. p1 .. "]" or p1
  return p2 and host .. ":" .. p2 or host
end

-- validate_utf8(s): true, or nil and the place of the first bad byte.
function M.validate_utf8(s)
  s = tostring(s)
  local i = 1
  while i <= #s do
    local b = s:byte(i)
    local n = b < 0x80 and 1 or b >= 0xC2 and b < 0xE0 and 2 or b >= 0xE0 and b < 0xF0 and 3 or b >= 0xF0 and b < 0xF5 and 4
    if not n then return nil, i end
    for k = 1, n - 1 do
      local c = s:byte(i + k)
      if not c or c < 0x80 or c > 0xBF then return nil, i end
    end
    i = i + n
  end
  return true
end

return M
