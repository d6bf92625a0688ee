local http = require "resty.http"
local cjson = require "cjson.safe"
local constants = require "kong.constants"

local fmt = string.format

local PhantomToken = {
  PRIORITY = 1000,
  VERSION = "2.0.1",
}

local function unauthorized(description)
  return kong.response.exit(401, { code = "unauthorized", message = description },
    { ["WWW-Authenticate"] = fmt('Bearer error="invalid_token", error_description="%s"', description) })
end

local function introspect(token, conf)
  local httpc = http.new()
  httpc:set_timeouts(1000, 1000, conf.timeout)
  local credentials = ngx.encode_base64(conf.client_id .. ":" .. conf.client_secret)
  local res, err = httpc:request_uri(conf.introspection_endpoint, {
    method = "POST",
    body = ngx.encode_args({ token = token, token_type_hint = "access_token" }),
    headers = {
      ["Authorization"] = "Basic " .. credentials,
      ["Content-Type"] = "application/x-www-form-urlencoded",
      ["Accept"] = "application/json",
    },
    ssl_verify = conf.verify_ssl,
    keepalive_timeout = 60000,
    keepalive_pool = 10,
  })
  if not res then
    return nil, "introspection failed: " .. err
  end
  if res.status ~= 200 then
    return nil, "introspection answered " .. res.status
  end
  local claims, derr = cjson.decode(res.body)
  if not claims then
    return nil, derr
  end
  if not claims.active then
    return { active = false }, nil, conf.negative_ttl
  end
  return claims, nil, claims.exp and math.max(claims.exp - ngx.time(), 1) or nil
end

local function set_consumer(consumer, credential)
  kong.client.authenticate(consumer, credential)
  local set_header, clear_header = kong.service.request.set_header, kong.service.request.clear_header
  if consumer and consumer.id then
    set_header(constants.HEADERS.CONSUMER_ID, consumer.id)
  else
    clear_header(constants.HEADERS.CONSUMER_ID)
  end
  if consumer and consumer.username then
    set_header(constants.HEADERS.CONSUMER_USERNAME, consumer.username)
  end
  if credential and credential.id then
    set_header(constants.HEADERS.CREDENTIAL_IDENTIFIER, credential.id)
  end
  clear_header(constants.HEADERS.ANONYMOUS)
end

function PhantomToken:access(conf)
  if kong.request.get_method() == "OPTIONS" and not conf.run_on_preflight then
    return
  end
  local authorization = kong.request.get_header("authorization")
  if not authorization then
    return unauthorized("No token")
  end
  local iterator, iter_err = ngx.re.gmatch(authorization, "\\s*[Bb]earer\\s+(.+)", "jo")
  if not iterator then
    kong.log.err(iter_err)
    return kong.response.exit(500, { message = "An unexpected error occurred" })
  end
  local m = iterator()
  if not m or #m == 0 then
    return unauthorized("No token")
  end

  local key = "phantom:" .. ngx.md5(m[1])
  local claims, err, hit = kong.cache:get(key, { ttl = conf.ttl, neg_ttl = conf.negative_ttl }, introspect, m[1], conf)
  if err then
    kong.log.err("cannot introspect: ", err)
    return kong.response.exit(502, { message = "introspection failed" })
  end
  kong.response.set_header("X-Cache-Level", hit)
  if not claims.active then
    return unauthorized("Access token is inactive")
  end
  if conf.scope then
    local scopes = {}
    for s in string.gmatch(claims.scope or "", "%S+") do scopes[s] = true end
    for _, needed in ipairs(conf.scope) do
      if not scopes[needed] then
        return kong.response.exit(403, { code = "forbidden", message = "missing scope " .. needed })
      end
    end
  end
  local consumer = claims.username and kong.client.load_consumer(claims.username, true)
  set_consumer(consumer, { id = claims.client_id or claims.sub })
  kong.ctx.shared.claims = claims
  kong.service.request.set_header("Authorization", "Bearer " .. (claims.phantom_token or m[1]))
  kong.service.request.set_header("X-Userinfo", ngx.encode_base64(cjson.encode({ sub = claims.sub, roles = claims.roles })))
end

return PhantomToken
