-- MySQL's client/server protocol: integers, strings and packets as bytes, and back. Positions count from 1. What does not fit its
-- packet raises an error that resty.mysql turns into a result: the bytes are a stranger's.
local byte, char, sub, find, floor, error = string.byte, string.char, string.sub, string.find, math.floor, error

local M = {}

local MALFORMED = { malformed = true }
M.MALFORMED = MALFORMED

local function need(s, last)
  if last > #s then error(MALFORMED, 0) end
end

function M.int1(s, at)
  need(s, at)
  return byte(s, at), at + 1
end

function M.int2(s, at)
  need(s, at + 1)
  local a, b = byte(s, at, at + 1)
  return a + b * 256, at + 2
end

function M.int3(s, at)
  need(s, at + 2)
  local a, b, c = byte(s, at, at + 2)
  return a + b * 256 + c * 65536, at + 3
end

function M.int4(s, at)
  need(s, at + 3)
  local a, b, c, d = byte(s, at, at + 3)
  return a + b * 256 + c * 65536 + d * 16777216, at + 4
end

local function int8(s, at)
  local low, high = M.int4(s, at), M.int4(s, at + 4)
  return low + high * 4294967296, at + 8
end

-- lenenc(s, at): a length-encoded integer; nil for the NULL of a row.
function M.lenenc(s, at)
  local first = M.int1(s, at)
  if first < 0xfb then return first, at + 1 end
  if first == 0xfb then return nil, at + 1 end
  if first == 0xfc then return M.int2(s, at + 1) end
  if first == 0xfd then return M.int3(s, at + 1) end
  if first == 0xfe then return int8(s, at + 1) end
  error(MALFORMED, 0)
end

-- lenenc_string(s, at): nil for NULL.
function M.lenenc_string(s, at)
  local n
  n, at = M.lenenc(s, at)
  if n == nil then return nil, at end
  need(s, at + n - 1)
  return sub(s, at, at + n - 1), at + n
end

-- cstring(s, at): up to a NUL, or the end: servers leave the last one out.
function M.cstring(s, at)
  local nul = find(s, "\0", at, true)
  if not nul then return sub(s, at), #s + 1 end
  return sub(s, at, nul - 1), nul + 1
end

local function set2(n) return char(n % 256, floor(n / 256) % 256) end
local function set3(n) return char(n % 256, floor(n / 256) % 256, floor(n / 65536) % 256) end
M.set3 = set3
function M.set4(n) return set2(n % 65536) .. set2(floor(n / 65536)) end

-- set_lenenc_string(s): s with its length before it.
function M.set_lenenc_string(s)
  local n = #s
  if n < 0xfb then return char(n) .. s end
  if n < 65536 then return "\252" .. set2(n) .. s end
  return "\253" .. set3(n) .. s
end

-- ok(s): the table that resty.mysql gives for a statement without rows.
function M.ok(s)
  local at, res = 2, {}
  res.affected_rows, at = M.lenenc(s, at)
  res.insert_id, at = M.lenenc(s, at)
  res.server_status, at = M.int2(s, at)
  res.warning_count, at = M.int2(s, at)
  local message = sub(s, at)
  if byte(message, 1) == #message - 1 then message = sub(message, 2) end -- servers put its length before it, documents do not
  if message ~= "" then res.message = message end
  return res
end

-- failure(s): text, number and SQL state of an ERR packet.
function M.failure(s)
  local number, at = M.int2(s, 2)
  local state
  if sub(s, at, at) == "#" then
    state, at = sub(s, at + 1, at + 5), at + 6
  end
  return sub(s, at), number, state
end

-- column(s): name, type and flags of a column definition.
function M.column(s)
  local at, name, _ = 1, nil, nil
  for _ = 1, 4 do _, at = M.lenenc_string(s, at) end -- catalog, schema, table, original table
  name, at = M.lenenc_string(s, at)
  _, at = M.lenenc_string(s, at) -- original name
  _, at = M.lenenc(s, at) -- length of the fixed part
  local charset, kind, flags
  charset, at = M.int2(s, at)
  at = at + 4 -- display length
  kind, at = M.int1(s, at)
  flags = M.int2(s, at)
  return { name = name, type = kind, flags = flags, charset = charset }
end

-- greeting(s): what the server says first, protocol version 10.
function M.greeting(s)
  local version = byte(s, 1)
  if version ~= 10 then return nil, "unsupported protocol version " .. tostring(version) end
  local g, at = {}, 2
  g.server_version, at = M.cstring(s, at)
  g.thread, at = M.int4(s, at)
  need(s, at + 8)
  local scramble = sub(s, at, at + 7)
  at = at + 9
  local low, high
  low, at = M.int2(s, at)
  g.charset, g.status, high = 0, 0, 0
  if at <= #s then
    g.charset, at = M.int1(s, at)
    g.status, at = M.int2(s, at)
    high, at = M.int2(s, at)
  end
  g.capabilities = low + high * 65536
  if at <= #s then
    local n = M.int1(s, at)
    at = at + 11 -- ten bytes are reserved
    n = n > 20 and n - 8 or 13
    scramble = sub(scramble .. sub(s, at, at + n - 1), 1, 20) -- without the NUL after it
    at = at + n
  end
  g.scramble = scramble
  if at <= #s then g.plugin = M.cstring(s, at) end
  return g
end

-- COLLATIONS are the default collation of each character set that a client may speak (MySQL's and MariaDB's
-- information_schema.collations).
M.COLLATIONS = { big5 = 1, dec8 = 3, cp850 = 4, hp8 = 6, koi8r = 7, latin1 = 8, latin2 = 9, swe7 = 10, ascii = 11, ujis = 12, sjis = 13, hebrew = 16,
  tis620 = 18, euckr = 19, koi8u = 22, gb2312 = 24, greek = 25, cp1250 = 26, gbk = 28, latin5 = 30, armscii8 = 32, utf8 = 33, utf8mb3 = 33,
  cp866 = 36, keybcs2 = 37, macce = 38, macroman = 39, cp852 = 40, latin7 = 41, utf8mb4 = 45, cp1251 = 51, cp1256 = 57, cp1257 = 59, binary = 63,
  geostd8 = 92, cp932 = 95, eucjpms = 97, gb18030 = 248 }

return M
