local jwt_decoder = require "kong.plugins.jwt.jwt_parser"

local WsAuth = { PRIORITY = 1005, VERSION = "1.0.0" }

local function retrieve_token(conf)
  local args = kong.request.get_query()
  if args[conf.uri_param] then return args[conf.uri_param] end
  local protocols = kong.request.get_header("sec-websocket-protocol")
  if protocols then return protocols:match("bearer%.([^, ]+)") end
  local authorization = kong.request.get_headers()["authorization"]
  if authorization then
    local iterator, err = ngx.re.gmatch(authorization, "\\s*[Bb]earer\\s+(.+)")
    if not iterator then return nil, err end
    local m, merr = iterator()
    if merr then return nil, merr end
    if m and #m > 0 then return m[1] end
  end
end

function WsAuth:access(conf)
  local token, err = retrieve_token(conf)
  if err then return kong.response.exit(500, { message = err }) end
  if not token then
    return kong.response.exit(401, { message = "Unauthorized" }, { ["WWW-Authenticate"] = "Bearer" })
  end
  local jwt
  jwt, err = jwt_decoder:new(token)
  if err then
    return kong.response.exit(401, { message = err })
  end
  if not jwt:verify_signature(conf.secret) then
    return kong.response.exit(403, { message = "Invalid signature" })
  end
  local ok, errors = jwt:verify_registered_claims(conf.claims_to_verify)
  if not ok then
    return kong.response.exit(401, errors)
  end
  kong.service.request.set_header("X-Subject", jwt.claims.sub)
  local args = kong.request.get_query()
  args[conf.uri_param] = nil
  kong.service.request.set_query(args)
end

return WsAuth
