-- Shape: claims become headers before the route is chosen: the rewrite phase of a global plugin, and access for a route's.
local JWT2Header = { PRIORITY = 900, VERSION = "2.1.0" }
local cjson = require "cjson"

local function split(s)
  local parts = {}
  for part in s:gmatch("[^.]+") do parts[#parts + 1] = part end
  return parts
end

local function decode(token)
  local part = split(token)[2]
  if not part then return nil end
  part = part:gsub("-", "+"):gsub("_", "/")
  local text = ngx.decode_base64(part .. ("="):rep((4 - #part % 4) % 4))
  local ok, claims = pcall(cjson.decode, text)
  return ok and claims or nil
end

function JWT2Header:rewrite(conf)
  kong.service.request.set_header("X-Kong-JWT-Kong-Proceed", "no")
  local header = kong.request.get_header("Authorization")
  if not header then return end
  local token = header:match("^[Bb]earer%s+(.+)$")
  local claims = token and decode(token)
  if not claims then return end
  for k, v in pairs(claims) do
    local text = type(v) == "table" and table.concat(v, ", ") or tostring(v)
    kong.service.request.set_header("X-Kong-JWT-Claim-" .. k, text)
    ngx.req.set_header("X-Kong-JWT-Claim-" .. k, text)
  end
  kong.service.request.set_header("X-Kong-JWT-Kong-Proceed", "yes")
end

function JWT2Header:access(conf)
  if kong.request.get_header("X-Kong-JWT-Kong-Proceed") == "no" and conf.strip_claims == "true" and conf.token_required == "true" then
    return kong.response.exit(401, { message = "a token is required" })
  end
  kong.service.request.clear_header("X-Kong-JWT-Kong-Proceed")
end

return JWT2Header
