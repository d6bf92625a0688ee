-- prometheus_resty_counter: counters in a shared dictionary, gathered per worker.
local M = {}
local mt = { __index = M }

-- new(dict, interval): every interval seconds what was counted goes to the dictionary (a name or the dictionary itself).
function M.new(dict, interval, on_error)
  local self = setmetatable({ dict = type(dict) == "string" and ngx.shared[dict] or dict, counts = {}, on_error = on_error }, mt)
  if interval then
    local ok, err = ngx.timer.every(interval, function() self:sync() end)
    if not ok then return nil, err end
  end
  return self
end

function M:incr(key, value) self.counts[key] = (self.counts[key] or 0) + (value or 1) end

function M:sync()
  local counts = self.counts
  self.counts = {}
  for k, v in pairs(counts) do
    local _, err = self.dict:incr(k, v, 0)
    if err then
      ngx.log(ngx.ERR, "failed to count ", k, ": ", err)
      if self.on_error then self.on_error(k, err) end
    end
  end
  return true
end

function M:reset(key, value)
  self.counts[key] = nil
  return self.dict:incr(key, -value, value)
end

return M
