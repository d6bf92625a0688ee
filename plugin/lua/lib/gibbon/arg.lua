-- Argument checks with the texts of Lua's C library, for functions that OpenResty has in C: they name the function as it
-- was called, "?" where it was not called by a name (pcall(f)). Errors are raised at the caller of the function that checks.
local type, error, tostring, getinfo = type, error, tostring, debug.getinfo

local M = {}

-- fail(i, expected, v, given): argument i is wrong; not given at all where given is false
local function fail(i, expected, v, given)
  local info = getinfo(3, "n")
  error(("bad argument #%d to '%s' (%s expected, got %s)"):format(i, info and info.name or "?", expected, given == false and "no value" or type(v)), 4)
end

-- string(v, i, given): v as a string, numbers included
function M.string(v, i, given)
  local t = type(v)
  if t == "string" then return v end
  if t ~= "number" then fail(i, "string", v, given) end
  return tostring(v)
end

-- number(v, i, given): v as a number, strings that are one included
function M.number(v, i, given)
  local n = tonumber(v)
  if not n then fail(i, "number", v, given) end
  return n
end

function M.boolean(v, i, given)
  if type(v) ~= "boolean" then fail(i, "boolean", v, given) end
  return v
end

return M
