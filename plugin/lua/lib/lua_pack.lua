-- lua_pack: string.pack and string.unpack of old times, by one letter per value with an optional count: b c h H i I l L d f n
-- (number), z (ended by zero), p P a (with the length in 1, 4 (native size_t here 8) bytes before), A (bytes), < > = ! for the order.
local ffi = require "ffi"
local M = {}

local sizes = { b = 1, c = 1, h = 2, H = 2, i = 4, I = 4, l = 8, L = 8, n = 8, d = 8, f = 4 }
local ctypes = { f = ffi.typeof "float[1]", d = ffi.typeof "double[1]", n = ffi.typeof "double[1]", l = ffi.typeof "int64_t[1]", L = ffi.typeof "uint64_t[1]",
  i = ffi.typeof "int32_t[1]", I = ffi.typeof "uint32_t[1]", h = ffi.typeof "int16_t[1]", H = ffi.typeof "uint16_t[1]", c = ffi.typeof "int8_t[1]",
  b = ffi.typeof "uint8_t[1]" }
local lengths = { p = "b", P = "H", a = "L" }

local function put(letter, v, big)
  local s = ffi.string(ctypes[letter](v), sizes[letter])
  return big and s:reverse() or s
end

local function get(letter, s, at, big)
  local size = sizes[letter]
  local raw = s:sub(at, at + size - 1)
  if #raw < size then return nil end
  local box = ctypes[letter]()
  ffi.copy(box, big and raw:reverse() or raw, size)
  return tonumber(box[0]), at + size
end

-- items(format): letter, count (nil without one)
local function items(format) return format:gmatch("([<>=!A-Za-z])(%d*)") end
local function order(letter, big)
  if letter == ">" then return true end
  if letter == "<" or letter == "=" or letter == "!" then return false end
  return big
end

function M.pack(format, ...)
  local out, n, big = {}, 0, false
  local args = { ... }
  for letter, count in items(format) do
    if letter:find("[<>=!]") then big = order(letter, big)
    else
      for _ = 1, letter == "A" and 1 or tonumber(count) or 1 do
        n = n + 1
        local v = args[n]
        if letter == "A" then out[#out + 1] = tostring(v)
        elseif letter == "z" then out[#out + 1] = tostring(v) .. "\0"
        elseif lengths[letter] then out[#out + 1] = put(lengths[letter], #v, big) .. v
        elseif sizes[letter] then out[#out + 1] = put(letter, v, big)
        else error("bad code '" .. letter .. "' in the format", 2) end
      end
    end
  end
  return table.concat(out)
end

-- unpack(s, format, init): the place after what was read, then the values
function M.unpack(s, format, init)
  local at, out, big = init or 1, {}, false
  for letter, count in items(format) do
    if letter:find("[<>=!]") then big = order(letter, big)
    elseif letter == "A" then
      local n = tonumber(count) or 1
      local part = s:sub(at, at + n - 1)
      out[#out + 1] = part
      at = at + #part
    else
      for _ = 1, tonumber(count) or 1 do
        local v, after
        if letter == "z" then
          local z = s:find("\0", at, true)
          if z then v, after = s:sub(at, z - 1), z + 1 end
        elseif lengths[letter] then
          local size, from = get(lengths[letter], s, at, big)
          if size and #s >= from + size - 1 then v, after = s:sub(from, from + size - 1), from + size end
        elseif sizes[letter] then v, after = get(letter, s, at, big)
        else error("bad code '" .. letter .. "' in the format", 2) end
        if v == nil then return at, unpack(out) end
        out[#out + 1], at = v, after
      end
    end
  end
  return at, unpack(out)
end

M.bpack, M.bunpack = M.pack, M.unpack
return M
