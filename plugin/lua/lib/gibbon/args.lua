-- Query strings made from tables.
local native = require "gibbon.native"

local M = {}
local encode_pair = native.encode_pair
local limits = { post = 100 }

function M.post_limit() return limits.post end
function M.set_post_limit(n) limits.post = n end

-- pairs_of(name, value, out, empty) appends what one table entry gives; empty stands for a value that gives nothing.
local function pairs_of(name, value, out, empty)
  if type(value) ~= "table" then
    local s = encode_pair(name, value)
    if s or empty then out[#out + 1] = s or empty end
    return
  end
  local n = #out
  for _, v in ipairs(value) do
    if type(v) == "table" then error("attempt to use table as query arg value", 0) end
    local s = encode_pair(name, v)
    if s then out[#out + 1] = s end
  end
  if #out == n and empty then out[#out + 1] = empty end
end

-- encode(t): ngx.encode_args.
function M.encode(t)
  local out = {}
  for name, value in pairs(t) do pairs_of(name, value, out) end
  return table.concat(out, "&")
end

-- encode_sorted(t): the PDK's form: entries sorted, arrays in their order; false and empty arrays leave an empty entry.
function M.encode_sorted(t)
  local entries = {}
  for name, value in pairs(t) do
    if type(name) ~= "string" then error("arg keys must be strings", 0) end
    local out = {}
    pairs_of(name, value, out, "")
    entries[#entries + 1] = table.concat(out, "&")
  end
  table.sort(entries)
  return table.concat(entries, "&")
end

return M
