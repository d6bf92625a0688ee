-- resty.counter: numbers in a shared dictionary, added up in the VM and written every sync_interval seconds.
local M = {}
local mt = { __index = M }

-- new(dict, interval): without an interval each change is written at once.
function M.new(dict_name, interval)
  local dict = ngx.shared[dict_name]
  if not dict then return nil, "shared dict not found: " .. tostring(dict_name) end
  local self = setmetatable({ dict = dict, interval = interval, changes = {} }, mt)
  if interval then
    local ok, err = ngx.timer.every(interval, function() self:sync() end)
    if not ok then return nil, err end
  end
  return self
end

function M:sync()
  for key, by in pairs(self.changes) do
    self.changes[key] = nil
    local _, err = self.dict:incr(key, by, 0)
    if err then ngx.log(ngx.ERR, "resty.counter: ", err) end
  end
  return true
end

function M:incr(key, by)
  by = by or 1
  if not self.interval then return self.dict:incr(key, by, 0) end
  self.changes[key] = (self.changes[key] or 0) + by
  return true
end

function M:reset(key, by)
  if by then return self.dict:incr(key, -by, 0) end
  self.changes[key] = nil
  return self.dict:delete(key)
end

function M:get(key) return self.dict:get(key) end
function M:get_keys(max) return self.dict:get_keys(max) end

return M
