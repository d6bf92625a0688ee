-- Asks an authorization server about bearer tokens and remembers its answers.
local http = require "resty.http"
local cjson = require "cjson.safe"

local P = { PRIORITY = 1000, VERSION = "1.0.0" }

local function introspect(conf, token)
  local client = http.new()
  client:set_timeout(2000)
  local res, err = client:request_uri(conf.endpoint, {
    method = "POST", body = ngx.encode_args { token = token, token_type_hint = "access_token" }, keepalive_timeout = 10000,
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded", Authorization = "Basic " .. ngx.encode_base64(conf.client_id .. ":" .. conf.client_secret) },
  })
  if not res then return nil, err end
  if res.status ~= 200 then return nil, "status " .. res.status end
  local info = cjson.decode(res.body)
  if not info then return nil, "no JSON" end
  return info, nil, info.active and conf.ttl or 0.5
end

function P:access(conf)
  local token = (kong.request.get_header("authorization") or ""):match("^[Bb]earer%s+(.+)$")
  if not token then return kong.response.exit(401, { message = "no token" }, { ["WWW-Authenticate"] = "Bearer" }) end
  local info, err = kong.cache:get("introspection:" .. ngx.md5(token), { ttl = conf.ttl }, introspect, conf, token)
  if err then
    kong.log.err("introspection failed: ", err)
    return kong.response.exit(503, { message = "cannot check the token" })
  end
  if not info.active then return kong.response.exit(401, { message = "token is not active" }) end
  kong.service.request.set_header("X-Subject", info.sub)
  kong.service.request.clear_header("Authorization")
  kong.ctx.shared.subject = info.sub
end

return P
