-- What a VM of ngx.run_worker_thread does: calls a module's function with arguments that came as bytes, and gives its results as bytes.
local buffer = require "string.buffer"

local function plain(err)
  if type(err) == "string" then return err end
  return "unknown reason"
end

local function pack(...) return { n = select("#", ...), ... } end

return function(module, name, data)
  local ok, found = pcall(require, module)
  if not ok then return false, plain(found) end
  local fn = type(found) == "table" and found[name]
  if type(fn) ~= "function" then return false, "module " .. module .. " has no function " .. name end
  local args = buffer.decode(data)
  local results
  ok, results = xpcall(function() return pack(fn(unpack(args, 1, args.n))) end, plain)
  if not ok then return false, results end
  local encoded, bytes = pcall(buffer.encode, results)
  if not encoded then return false, "unsupported Lua type in the results: " .. plain(bytes) end
  return true, bytes
end
