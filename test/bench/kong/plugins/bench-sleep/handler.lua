-- Holds requests that say so up for a while.
local Sleep = { PRIORITY = 900, VERSION = "1.0.0" }

function Sleep:access()
  local seconds = kong.request.get_header("X-Sleep")
  if seconds then ngx.sleep(tonumber(seconds)) end
end

return Sleep
