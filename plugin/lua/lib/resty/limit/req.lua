-- resty.limit.req: requests at a rate, with a burst (leaky bucket). The dictionary keeps thousandths of a request and when it was.
local M = { _VERSION = "0.08" }
local mt = { __index = M }
local max, tonumber = math.max, tonumber

function M.new(dict_name, rate, burst)
  local dict = ngx.shared[dict_name]
  if not dict then return nil, "shared dict not found" end
  if type(rate) ~= "number" or rate <= 0 or type(burst) ~= "number" or burst < 0 then error("rate must be positive, burst not negative", 2) end
  return setmetatable({ dict = dict, rate = rate * 1000, burst = burst * 1000 }, mt)
end

-- incoming(key, commit): how long to wait in seconds, requests above the rate; nil, "rejected" or a text.
function M:incoming(key, commit)
  local dict, rate, now = self.dict, self.rate, ngx.now() * 1000
  local v = dict:get(key)
  local excess = 0
  if v then
    local before, last = v:match("^(%S+) (%S+)$")
    excess = max(tonumber(before) - rate * math.abs(now - tonumber(last)) / 1000 + 1000, 0)
    if excess > self.burst then return nil, "rejected" end
  end
  if commit then
    local ok, err = dict:set(key, ("%.3f %.0f"):format(excess, now), (self.burst + 1000) / rate + 60)
    if not ok then return nil, err end
  end
  return excess / rate, excess / 1000
end

function M:set_rate(rate) self.rate = rate * 1000 end
function M:set_burst(burst) self.burst = burst * 1000 end

function M:uncommit(key)
  local v = self.dict:get(key)
  if not v then return nil, "not found" end
  local before, last = v:match("^(%S+) (%S+)$")
  return self.dict:set(key, ("%.3f %s"):format(max(tonumber(before) - 1000, 0), last), (self.burst + 1000) / self.rate + 60)
end

return M
