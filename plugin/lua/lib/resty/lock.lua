-- resty.lock: locks by name, held in a shared dictionary, so that they hold across all workers.
local native = require "gibbon.native"

local type, error, tostring, setmetatable, min = type, error, tostring, setmetatable, math.min
local can_wait = native.can_wait

local M = { _VERSION = "0.09" }
local mt = { __index = M }

function M.new(_, dict_name, opts)
  local dict = ngx.shared[dict_name]
  if not dict then return nil, "dictionary not found" end
  opts = opts or {}
  local self = { dict = dict, exptime = opts.exptime or 30, step = opts.step or 0.001, ratio = opts.ratio or 2, max_step = opts.max_step or 0.5 }
  self.timeout = min(opts.timeout or 5, self.exptime)
  return setmetatable(self, mt)
end

-- lock(key) gives how long it took in seconds, or nil, text.
function M:lock(key)
  if not key then return nil, "nil key" end
  if self.key then return nil, "locked" end
  key = tostring(key)
  local dict, exptime = self.dict, self.exptime
  local ok, err = dict:add(key, true, exptime)
  if ok then
    self.key = key
    return 0
  end
  if err ~= "exists" then return nil, err end
  local step, timeout, elapsed = self.step, self.timeout, 0
  if timeout > 0 and not can_wait() then return nil, "timeout" end
  while timeout > 0 do
    step = min(step, timeout)
    ngx.sleep(step)
    elapsed, timeout = elapsed + step, timeout - step
    ok, err = dict:add(key, true, exptime)
    if ok then
      self.key = key
      return elapsed
    end
    if err ~= "exists" then return nil, err end
    step = min(step * self.ratio, self.max_step)
    if step <= 0 then step = 0.001 end
  end
  return nil, "timeout"
end

function M:unlock()
  local key = self.key
  if not key then return nil, "unlocked" end
  self.key = nil
  local ok, err = self.dict:delete(key)
  if ok == false then return nil, err end
  return 1
end

function M:expire(time)
  local key = self.key
  if not key then return nil, "unlocked" end
  if time == nil then time = self.exptime end
  if type(time) ~= "number" then error("bad \"time\" argument: number expected", 2) end
  local ok, err = self.dict:replace(key, true, time)
  if not ok then return nil, err end
  return true
end

return M
