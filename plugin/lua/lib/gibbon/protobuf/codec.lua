-- Messages of protocol buffers as bytes, and back, by the types of gibbon.protobuf.types.
local ffi = require "ffi"
local bit = require "bit"
local types = require "gibbon.protobuf.types"
local char, byte, sub, concat, floor = string.char, string.byte, string.sub, table.concat, math.floor
local type, tonumber, tostring, error, pairs, ipairs = type, tonumber, tostring, error, pairs, ipairs
local int64, uint64 = ffi.typeof "int64_t", ffi.typeof "uint64_t"

local M = {}

local MAX_DEPTH = 100
local VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
local WIRE = { double = FIXED64, float = FIXED32, int64 = VARINT, uint64 = VARINT, int32 = VARINT, fixed64 = FIXED64, fixed32 = FIXED32, bool = VARINT,
  string = BYTES, bytes = BYTES, uint32 = VARINT, sfixed32 = FIXED32, sfixed64 = FIXED64, sint32 = VARINT, sint64 = VARINT, enum = VARINT, message = BYTES }

-- ---- encode ----

local function varint(n) -- of a number below 2^53
  local out = {}
  while n >= 128 do
    out[#out + 1] = char(n % 128 + 128)
    n = floor(n / 128)
  end
  return concat(out) .. char(n)
end
M.varint = varint

local function varint64(n)
  local out = {}
  for _ = 1, 10 do
    local low = tonumber(bit.band(n, 127))
    n = bit.rshift(n, 7)
    if n == 0 then
      out[#out + 1] = char(low)
      break
    end
    out[#out + 1] = char(low + 128)
  end
  return concat(out)
end

local function mismatch(f, what, v) error("bad argument #2 to 'encode' (" .. what .. " expected for field '" .. f.name .. "', got " .. type(v) .. ")", 0) end

-- integer(f, v): v as uint64; numbers, 64-bit cdata, and text as "12", "#12" or "#0xff".
local function integer(f, v)
  if type(v) == "number" then
    if v ~= floor(v) or v ~= v then mismatch(f, "integer", v) end
    if v >= 9223372036854775808 then return uint64(v) end
    return ffi.cast(uint64, int64(v))
  elseif type(v) == "cdata" then return ffi.cast(uint64, v)
  elseif type(v) == "string" then
    local minus, hex, digits = v:match("^#?(%-?)(0?x?)(%x+)$")
    if hex == "0x" then
      local n = 0ULL
      for d in digits:gmatch("%x") do n = n * 16 + tonumber(d, 16) end
      return minus == "-" and 0ULL - n or n
    end
    minus, digits = v:match("^#?(%-?)(%d+)$")
    if digits then
      local n = 0ULL
      for d in digits:gmatch("%d") do n = n * 10 + tonumber(d) end
      return minus == "-" and 0ULL - n or n
    end
  end
  mismatch(f, "number", v)
end

local box = ffi.new [[union { double d; float f; uint32_t u; uint64_t q; uint8_t b[8]; }]]

local function fixed(n)
  return ffi.string(box.b, n)
end

local encode

local function scalar(state, f, v, depth)
  local kind = f.kind
  if kind == "string" or kind == "bytes" then
    if type(v) == "number" then v = tostring(v) end
    if type(v) ~= "string" then mismatch(f, "string", v) end
    return varint(#v) .. v
  elseif kind == "message" then
    if type(v) ~= "table" then mismatch(f, "table", v) end
    local s = encode(state, f.of, v, depth + 1)
    return varint(#s) .. s
  elseif kind == "bool" then return v and v ~= 0 and "\1" or "\0"
  elseif kind == "enum" then
    if type(v) == "string" then
      local n = f.of.by_name[v]
      if not n then error("bad argument #2 to 'encode' (can not encode unknown enum '" .. v .. "' at field '" .. f.name .. "')", 0) end
      v = n
    end
    return varint64(integer(f, v))
  elseif kind == "double" or kind == "float" then
    local n = tonumber(v)
    if not n then mismatch(f, "number", v) end
    if kind == "double" then
      box.d = n
      return fixed(8)
    end
    box.f = n
    return fixed(4)
  end
  local n = integer(f, v)
  if kind == "sint32" or kind == "sint64" then
    n = bit.bxor(bit.lshift(n, 1), ffi.cast(uint64, bit.arshift(ffi.cast(int64, n), 63)))
    if kind == "sint32" then n = bit.band(n, 0xffffffffULL) end
  elseif kind == "uint32" then n = bit.band(n, 0xffffffffULL)
  elseif kind == "fixed32" or kind == "sfixed32" then
    box.q = n
    return fixed(4)
  elseif kind == "fixed64" or kind == "sfixed64" then
    box.q = n
    return fixed(8)
  end
  return varint64(n)
end

local function empty(f, v) -- what proto3 leaves out
  if f.kind == "bool" then return not v end
  if f.kind == "enum" then return v == 0 or v == f.of.by_number[0] end
  return v == 0 or v == ""
end

function encode(state, t, message, depth)
  if depth > MAX_DEPTH then error("the message is nested too deeply", 0) end
  local out, n = {}, 0
  local function put(s)
    n = n + 1
    out[n] = s
  end
  for _, f in ipairs(t.order) do
    local v = message[f.name]
    if v ~= nil and v ~= ngx.null then
      local key = varint(f.number * 8 + WIRE[f.kind])
      if f.map then
        if type(v) ~= "table" then mismatch(f, "table", v) end
        for k, e in pairs(v) do
          local s = encode(state, f.of, { key = k, value = e }, depth + 1)
          put(key .. varint(#s) .. s)
        end
      elseif f.repeated then
        if type(v) ~= "table" then mismatch(f, "table", v) end
        if f.packed then
          if #v > 0 then
            local parts = {}
            for i = 1, #v do parts[i] = scalar(state, f, v[i], depth) end
            local s = concat(parts)
            put(varint(f.number * 8 + BYTES) .. varint(#s) .. s)
          end
        else
          for i = 1, #v do put(key .. scalar(state, f, v[i], depth)) end
        end
      elseif not t.proto3 or f.oneof or f.kind == "message" or t.kind == "map" or not empty(f, v) or state.encode_default_values then
        put(key .. scalar(state, f, v, depth))
      end
    end
  end
  return concat(out)
end

function M.encode(state, t, message) return encode(state, t, message, 1) end

-- ---- decode ----

local function truncated(at) error("unexpected end of the message at offset " .. at, 0) end

-- get_varint(s, at): low and high 32 bits, and what follows.
local function get_varint(s, at)
  local low, high, shift = 0, 0, 0
  for i = at, at + 9 do
    local b = byte(s, i)
    if not b then truncated(i) end
    local v = b % 128
    if shift < 28 then low = low + v * 2 ^ shift
    elseif shift == 28 then
      low = low + v % 16 * 2 ^ 28
      high = floor(v / 16)
    else high = high + v * 2 ^ (shift - 32) end
    if b < 128 then return low, high % 4294967296, i + 1 end
    shift = shift + 7
  end
  error("invalid varint value at offset " .. at, 0)
end

local function size(s, at)
  local low, high, after = get_varint(s, at)
  if high ~= 0 or low > #s - after + 1 then truncated(at) end
  return low, after
end

local function join(low, high) return uint64(high) * 4294967296ULL + uint64(low) end

-- number(state, v, signed): a 64-bit integer as the option int64_as_… says.
local function number(state, v, signed)
  local as = state.int64
  if as == "number" or as == nil then return tonumber(signed and ffi.cast(int64, v) or v) end
  local small = signed and ffi.cast(int64, v) or v
  if signed and small >= -9007199254740992LL and small <= 9007199254740992LL or not signed and v <= 9007199254740992ULL then return tonumber(small) end
  if as == "hexstring" then return ("#0x%s"):format(bit.tohex(v)) end
  return "#" .. tostring(small):gsub("U?LL$", "")
end

local decode

local function value(state, f, wire, s, at, depth)
  local kind = f.kind
  if wire == VARINT then
    local low, high, after = get_varint(s, at)
    if kind == "bool" then return low ~= 0 or high ~= 0, after end
    if kind == "enum" then
      local n = low >= 2147483648 and low - 4294967296 or low
      if state.enum_as_value then return n, after end
      return f.of.by_number[n] or n, after
    end
    if kind == "uint32" then return low, after end
    if kind == "int32" then return low >= 2147483648 and low - 4294967296 or low, after end
    if kind == "sint32" then return low % 2 == 0 and low / 2 or -(low + 1) / 2, after end
    local v = join(low, high)
    if kind == "sint64" then return number(state, bit.bxor(bit.rshift(v, 1), 0ULL - bit.band(v, 1)), true), after end
    return number(state, v, kind == "int64"), after
  elseif wire == BYTES then
    local n, from = size(s, at)
    if kind == "message" then return decode(state, f.of, sub(s, from, from + n - 1), nil, depth + 1), from + n end
    return sub(s, from, from + n - 1), from + n
  end
  local n = wire == FIXED64 and 8 or 4
  if at + n - 1 > #s then truncated(at) end
  ffi.copy(box.b, sub(s, at, at + n - 1), n)
  if kind == "double" then return box.d, at + 8 end
  if kind == "float" then return box.f, at + 4 end
  if n == 8 then return number(state, box.q, kind == "sfixed64"), at + 8 end
  return kind == "sfixed32" and bit.tobit(box.u) or box.u, at + 4
end

local function skip(wire, s, at)
  if wire == VARINT then return select(3, get_varint(s, at)) end
  if wire == BYTES then
    local n, from = size(s, at)
    return from + n
  end
  if wire == FIXED64 or wire == FIXED32 then
    local after = at + (wire == FIXED64 and 8 or 4)
    if after > #s + 1 then truncated(at) end
    return after
  end
  error("invalid wire type at offset " .. at, 0)
end

local function repeated(state, f, wire, s, at, out, depth)
  local list = out[f.name]
  if wire == BYTES and WIRE[f.kind] ~= BYTES then -- packed
    local n, from = size(s, at)
    local stop = from + n
    local part = sub(s, from, stop - 1)
    local i = 1
    while i <= n do
      local v
      v, i = value(state, f, WIRE[f.kind], part, i, depth)
      list[#list + 1] = v
    end
    return stop
  end
  local v
  v, at = value(state, f, wire, s, at, depth)
  if f.map then
    local key, item = v.key, v.value
    if key == nil then key = types.default(f.of.by_number[1]) end
    if item == nil then
      local of = f.of.by_number[2]
      item = types.default(of)
      if of.kind == "message" then item = decode(state, of.of, "", nil, depth) end
    end
    list[key] = item
  else
    list[#list + 1] = v
  end
  return at
end

function decode(state, t, s, out, depth)
  if depth > MAX_DEPTH then error("the message is nested too deeply", 0) end
  out = out or {}
  local defaults = state.defaults ~= "none" and (t.proto3 or state.defaults == "copy")
  local at, n = 1, #s
  while at <= n do
    local low, high, after = get_varint(s, at)
    local wire, f = low % 8, t.by_number[floor(low / 8)]
    if high ~= 0 then error("invalid field number at offset " .. at, 0) end
    if not f or wire ~= WIRE[f.kind] and not (f.repeated and wire == BYTES) then
      at = skip(wire, s, after)
    elseif f.repeated then
      out[f.name] = out[f.name] or {}
      at = repeated(state, f, wire, s, after, out, depth)
    else
      local v
      v, at = value(state, f, wire, s, after, depth)
      out[f.name] = v
    end
  end
  if defaults or t.proto3 then
    for _, f in ipairs(t.order) do
      if out[f.name] == nil then
        if f.repeated then
          if state.defaults ~= "none" then out[f.name] = {} end
        elseif defaults and not f.oneof then
          out[f.name] = types.default(f)
        end
      end
    end
  end
  return out
end

-- decode(state, type, bytes, table): the table, or a new one. Raises an error for bytes that are none of a message.
function M.decode(state, t, s, out) return decode(state, t, s, out, 1) end

return M
