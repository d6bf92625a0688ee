-- kong.tools.table: copying, merging, finding and packing
local M = {}
local type, pairs, ipairs, next, getmetatable, setmetatable = type, pairs, ipairs, next, getmetatable, setmetatable

M.EMPTY = setmetatable({}, { __newindex = function() error("attempt to write to a read-only table", 2) end })

function M.table_contains(t, value)
  if t then for _, v in pairs(t) do if v == value then return true end end end
  return false
end

-- is_array(t, mode): "strict" (1..n without holes), "lapis" or "fast"
function M.is_array(t, mode)
  if type(t) ~= "table" then return false end
  if mode == "lapis" then
    for k in pairs(t) do if type(k) ~= "number" then return false end end
    return next(t) ~= nil or true
  end
  local n = 0
  for k in pairs(t) do
    n = n + 1
    if type(k) ~= "number" or (mode ~= "fast" and t[n] == nil) then return false end
  end
  return true
end

function M.is_lapis_array(t) return M.is_array(t, "lapis") end

function M.table_merge(a, b)
  local t = {}
  if a then for k, v in pairs(a) do t[k] = v end end
  if b then for k, v in pairs(b) do t[k] = v end end
  return t
end

local function copy(v, copy_mt, seen)
  if type(v) ~= "table" then return v end
  if seen[v] then return seen[v] end
  local t = {}
  seen[v] = t
  for k, x in pairs(v) do t[copy(k, copy_mt, seen)] = copy(x, copy_mt, seen) end
  if copy_mt then setmetatable(t, getmetatable(v)) end
  return t
end

function M.deep_copy(v, copy_mt) return copy(v, copy_mt ~= false, {}) end
M.cycle_aware_deep_copy = M.deep_copy

function M.shallow_copy(v)
  if type(v) ~= "table" then return v end
  local t = {}
  for k, x in pairs(v) do t[k] = x end
  return t
end

local function merge(a, b, seen)
  local t = M.shallow_copy(a)
  for k, v in pairs(b) do
    if type(v) == "table" and type(t[k]) == "table" and not seen[v] then
      seen[v] = true
      t[k] = merge(t[k], v, seen)
    else
      t[k] = v
    end
  end
  return t
end
M.cycle_aware_deep_merge = function(a, b) return merge(a, b, {}) end
M.deep_merge = M.cycle_aware_deep_merge

function M.concat(...)
  local t = {}
  for i = 1, select("#", ...) do
    for _, v in ipairs((select(i, ...)) or {}) do t[#t + 1] = v end
  end
  return t
end

function M.pack(...) return { n = select("#", ...), ... } end
function M.unpack(t, i, j) return unpack(t, i or 1, j or t.n or #t) end

function M.table_path(t, path)
  for i = 1, #path do
    t = t[path[i]]
    if t == nil then return nil end
  end
  return t
end

-- add_error(errors, key, message) collects several messages under a key.
function M.add_error(errors, key, message)
  errors = errors or {}
  local old = errors[key]
  if old == nil then errors[key] = message
  elseif type(old) == "table" then old[#old + 1] = message
  else errors[key] = { old, message } end
  return errors
end

function M.remove_nulls(t)
  for k, v in pairs(t) do
    if v == ngx.null then t[k] = nil elseif type(v) == "table" then t[k] = M.remove_nulls(v) end
  end
  return t
end

return M
