-- resty.limit.conn: requests at the same time.
local M = { _VERSION = "0.08" }
local mt = { __index = M }
local floor = math.floor

function M.new(dict_name, limit, burst, default_delay)
  local dict = ngx.shared[dict_name]
  if not dict then return nil, "shared dict not found" end
  if type(limit) ~= "number" or limit <= 0 or type(burst) ~= "number" or burst < 0 or type(default_delay) ~= "number" or default_delay <= 0 then
    error("max must be positive, burst not negative, the delay positive", 2)
  end
  return setmetatable({ dict = dict, max = limit, burst = burst, unit_delay = default_delay }, mt)
end

-- incoming(key, commit): how long to wait in seconds, requests under way; nil, "rejected" or a text.
function M:incoming(key, commit)
  local dict, limit = self.dict, self.max
  self.committed = false
  local now, err
  if commit then
    now, err = dict:incr(key, 1, 0)
    if not now then return nil, err end
    if now > limit + self.burst then
      dict:incr(key, -1)
      return nil, "rejected"
    end
    self.committed = true
  else
    now = (dict:get(key) or 0) + 1
    if now > limit + self.burst then return nil, "rejected" end
  end
  if now > limit then return self.unit_delay * floor((now - 1) / limit), now end
  return 0, now
end

function M:is_committed() return self.committed end

-- leaving(key, latency): one is done; latency in seconds adjusts how long others wait.
function M:leaving(key, latency)
  local now, err = self.dict:incr(key, -1)
  if not now then return nil, err end
  if latency then self.unit_delay = (latency + self.unit_delay) / 2 end
  return now
end

function M:uncommit(key) return self.dict:incr(key, -1) end
function M:set_conn(limit) self.max = limit end
function M:set_burst(burst) self.burst = burst end

return M
