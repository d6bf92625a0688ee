-- ngx.run_worker_thread: a module's function in a VM of its own, on another thread. Arguments and results are copied as bytes.
local op = require "gibbon.op"
local buffer = require "string.buffer"

local run = op.wait("thread.run")
local type, error, select, pcall, tostring, unpack = type, error, select, pcall, tostring, unpack

local function unpacked(t) return true, unpack(t, 1, t.n) end

-- run_worker_thread(pool, module, func, ...): true and the results; false and a text.
return function(pool, module, func, ...)
  for i = 1, 3 do
    local v = select(i, pool, module, func)
    if type(v) ~= "string" then error("bad argument #" .. i .. " to 'run_worker_thread' (string expected, got " .. type(v) .. ")", 2) end
  end
  local encoded, data = pcall(buffer.encode, { n = select("#", ...), ... })
  if not encoded then return false, "unsupported Lua type in the arguments: " .. tostring(data) end
  local ok, results = run(pool, module, func, data)
  if not ok then return false, results end
  return unpacked(buffer.decode(results))
end
