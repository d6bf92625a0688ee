-- resty.http_headers: a table whose names are found whatever their case, and with "_" for "-".
local rawget, rawset, getmetatable, setmetatable, type = rawget, rawset, getmetatable, setmetatable, type

local M = { _VERSION = "0.17.2" }

-- Normal forms by name: a client meets the same few names over and over.
local known, count = {}, 0

local function normal(name)
  local n = known[name]
  if n then return n end
  n = name:lower():gsub("_", "-")
  count = count + 1
  if count > 1000 then known, count = {}, 1 end
  known[name] = n
  return n
end

local function index(t, k)
  if type(k) ~= "string" then return end
  local as = getmetatable(t).normalised[normal(k)]
  if as and as ~= k then return rawget(t, as) end
end

local function newindex(t, k, v)
  if type(k) ~= "string" then return rawset(t, k, v) end
  local names, n = getmetatable(t).normalised, normal(k)
  local as = names[n]
  if not as then
    names[n] = k
    as = k
  end
  rawset(t, as, v)
end

-- new() is an empty table of headers. What was set first decides how a name is written.
function M.new()
  local names = {} -- lower name -> name as it was set
  return setmetatable({}, { normalised = names, __index = index, __newindex = newindex })
end

return M
