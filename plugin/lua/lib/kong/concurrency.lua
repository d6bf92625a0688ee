-- kong.concurrency: one at a time, in a worker, or of all workers.
local semaphore = require "ngx.semaphore"
local lock = require "resty.lock"
local pcall, type, error = pcall, type, error

local M = {}
local semaphores = {}

local function check(opts, callback)
  if type(opts) ~= "table" then error("opts must be a table", 3) end
  if type(opts.name) ~= "string" then error("opts.name is required and must be a string", 3) end
  if type(callback) ~= "function" then error("callback must be a function", 3) end
  if opts.timeout ~= nil and type(opts.timeout) ~= "number" then error("opts.timeout must be a number", 3) end
end

local function done(free, ok, ...)
  free()
  if not ok then return nil, (...) end
  return ...
end

-- with_worker_mutex({ name, timeout, exptime, on_timeout }, callback): one at a time of all workers. callback gets the seconds that it took.
function M.with_worker_mutex(opts, callback)
  check(opts, callback)
  local l, err = lock:new("kong_locks", { timeout = opts.timeout or 60, exptime = opts.exptime or opts.timeout or 60 })
  if not l then return nil, "failed to create lock: " .. err end
  local elapsed
  elapsed, err = l:lock(opts.name)
  if not elapsed then
    if err == "timeout" then return nil, err end
    return nil, "failed to acquire worker lock: " .. err
  end
  return done(function() l:unlock() end, pcall(callback, elapsed))
end

-- with_coroutine_mutex({ name, timeout, on_timeout }, callback): one at a time in this worker. on_timeout is run_unlocked or return_true.
function M.with_coroutine_mutex(opts, callback)
  check(opts, callback)
  local timeout = opts.timeout or 60
  if opts.on_timeout and opts.on_timeout ~= "run_unlocked" and opts.on_timeout ~= "return_true" then
    error("invalid value for opts.on_timeout: " .. tostring(opts.on_timeout), 2)
  end
  local s = semaphores[opts.name]
  if not s then
    s = { sem = semaphore.new(1), users = 0 }
    semaphores[opts.name] = s
  end
  s.users = s.users + 1
  local function leave()
    s.users = s.users - 1
    if s.users == 0 and semaphores[opts.name] == s then semaphores[opts.name] = nil end
  end
  local ok, err = s.sem:wait(timeout)
  if not ok then
    leave()
    if err ~= "timeout" then return nil, "error attempting to acquire coroutine lock: " .. err end
    if opts.on_timeout == "return_true" then return true end
    if opts.on_timeout == "run_unlocked" then
      kong.log.warn("bypassing lock ", opts.name, ": timeout")
      return callback()
    end
    return nil, "timeout acquiring coroutine lock"
  end
  return done(function()
    s.sem:post()
    leave()
  end, pcall(callback))
end

return M
