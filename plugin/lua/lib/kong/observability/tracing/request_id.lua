-- kong.observability.tracing.request_id: the identifier of the request, as X-Kong-Request-Id has it
local M = {}

-- get(): the identifier; nil and why where no request runs
function M.get()
  local ok, id = pcall(function() return ngx.var.request_id end)
  if not ok or not id then return nil, "no request ID found" end
  return id
end

return M
