-- resty.kong.grpc: the authority that calls of gRPC are sent to the service with
local M = {}

function M.set_authority(authority)
  if type(authority) ~= "string" then error("bad argument #1 to 'set_authority' (string expected, got " .. type(authority) .. ")", 2) end
  local ok, err = pcall(kong.service.request.set_header, "Host", authority)
  if not ok then return nil, tostring(err) end
  return true
end

return M
