-- resty.limit.traffic: several limits in one.
local M = { _VERSION = "0.08" }

-- combine(limiters, keys, states): the longest wait; nil and the first refusal, after which nothing counts.
function M.combine(limiters, keys, states)
  local delay = 0
  for i = 1, #limiters do
    local wait, why = limiters[i]:incoming(keys[i], i == #limiters)
    if not wait then return nil, why end
    if states then states[i] = why end
    if wait > delay then delay = wait end
  end
  for i = 1, #limiters - 1 do
    local wait, why = limiters[i]:incoming(keys[i], true)
    if not wait then -- somebody else was quicker
      limiters[#limiters]:uncommit(keys[#limiters])
      for j = 1, i - 1 do limiters[j]:uncommit(keys[j]) end
      return nil, why
    end
    if states then states[i] = why end
  end
  return delay
end

return M
