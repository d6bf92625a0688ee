-- PostgreSQL's frontend/backend protocol 3.0: integers, strings and messages as bytes, and back. Positions count from 1. What does
-- not fit its message raises MALFORMED, which pgmoon turns into a result: the bytes are a stranger's.
local byte, char, sub, find, floor, error, concat = string.byte, string.char, string.sub, string.find, math.floor, error, table.concat

local M = {}

local MALFORMED = { malformed = true }
M.MALFORMED = MALFORMED

-- int4(n), int2(n): big-endian bytes; -1 is NULL's length.
function M.int4(n)
  n = n % 4294967296
  return char(floor(n / 16777216), floor(n / 65536) % 256, floor(n / 256) % 256, n % 256)
end
local int4 = M.int4

function M.int2(n)
  n = n % 65536
  return char(floor(n / 256), n % 256)
end
local int2 = M.int2

local function need(s, last)
  if last > #s then error(MALFORMED, 0) end
end

function M.get4(s, at)
  need(s, at + 3)
  local a, b, c, d = byte(s, at, at + 3)
  local n = a * 16777216 + b * 65536 + c * 256 + d
  return n >= 2147483648 and n - 4294967296 or n, at + 4
end
local get4 = M.get4

function M.get2(s, at)
  need(s, at + 1)
  local a, b = byte(s, at, at + 1)
  return a * 256 + b, at + 2
end
local get2 = M.get2

function M.cstring(s, at)
  local nul = find(s, "\0", at, true)
  if not nul then error(MALFORMED, 0) end
  return sub(s, at, nul - 1), nul + 1
end
local cstring = M.cstring

-- message(kind, ...): a message with its length; kind is nil for those of the start.
function M.message(kind, ...)
  local body = concat({ ... })
  return (kind or "") .. int4(#body + 4) .. body
end

-- startup(pairs): the first message, {"user", "me", …}.
function M.startup(list)
  local out = { int4(196608) } -- 3.0
  for i = 1, #list do out[#out + 1] = list[i] .. "\0" end
  out[#out + 1] = "\0"
  return M.message(nil, concat(out))
end

-- columns(s): {name, type's OID} of each column of a RowDescription.
function M.columns(s)
  local n, at = get2(s, 1)
  local list, name = {}, nil
  for i = 1, n do
    name, at = cstring(s, at)
    list[i] = { name, (get4(s, at + 6)) } -- after the table's OID and the attribute's number
    at = at + 18
  end
  return list
end

-- row(s, columns, decode, null): the values of a DataRow by column name. decode(oid, text) gives a value.
function M.row(s, columns, decode, null)
  local n, at = get2(s, 1)
  local out, size = {}, nil
  for i = 1, n do
    local c = columns[i]
    if not c then error(MALFORMED, 0) end
    size, at = get4(s, at)
    if size < 0 then
      out[c[1]] = null
    else
      need(s, at + size - 1)
      out[c[1]] = decode(c[2], sub(s, at, at + size - 1))
      at = at + size
    end
  end
  return out
end

-- FIELDS of errors and notices by their letter in the protocol.
M.FIELDS = { S = "severity", V = "severity_nonlocalized", C = "code", M = "message", D = "detail", H = "hint", P = "position", p = "internal_position",
  q = "internal_query", W = "where", s = "schema", t = "table", c = "column", d = "data_type", n = "constraint", F = "file", L = "line", R = "routine" }

-- fields(s): an ErrorResponse or NoticeResponse as a table.
function M.fields(s)
  local at, out = 1, {}
  while at <= #s and byte(s, at) ~= 0 do
    local name = M.FIELDS[sub(s, at, at)]
    local value
    value, at = cstring(s, at + 1)
    if name then out[name] = value end
  end
  return out
end

-- notification(s): a NotificationResponse.
function M.notification(s)
  local pid, at = get4(s, 1)
  local channel, payload
  channel, at = cstring(s, at)
  payload = cstring(s, at)
  return { operation = "notification", pid = pid, channel = channel, payload = payload }
end

-- parse(query, oids), bind(values): the messages of the extended protocol, unnamed statement and portal, everything as text.
-- A value is a string, or false for NULL.
function M.parse(query, oids)
  local out = { "\0", query, "\0", int2(#oids) }
  for i = 1, #oids do out[#out + 1] = int4(oids[i]) end
  return M.message("P", concat(out))
end

function M.bind(values)
  local out = { "\0\0", int2(0), int2(#values) }
  for i = 1, #values do
    local v = values[i]
    out[#out + 1] = v and int4(#v) .. v or int4(-1)
  end
  out[#out + 1] = int2(0)
  return M.message("B", concat(out))
end

return M
