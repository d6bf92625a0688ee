-- resty.limit.count: a number of requests in each window of time.
local M = { _VERSION = "0.08" }
local mt = { __index = M }

function M.new(dict_name, limit, window)
  local dict = ngx.shared[dict_name]
  if not dict then return nil, "shared dict not found" end
  if type(limit) ~= "number" or limit <= 0 or type(window) ~= "number" or window <= 0 then error("limit and window must be positive numbers", 2) end
  return setmetatable({ dict = dict, limit = limit, window = window }, mt)
end

-- incoming(key, commit): 0 and how many are left; nil, "rejected" or a text.
function M:incoming(key, commit)
  local dict, limit = self.dict, self.limit
  local left, err
  if commit then
    left, err = dict:incr(key, -1, limit, self.window)
    if not left then return nil, err end
  else
    left = (dict:get(key) or limit) - 1
  end
  if left < 0 then return nil, "rejected" end
  return 0, left
end

function M:uncommit(key)
  local left, err = self.dict:incr(key, 1)
  if not left then
    if err == "not found" then return self.limit end
    return nil, err
  end
  return left
end

return M
