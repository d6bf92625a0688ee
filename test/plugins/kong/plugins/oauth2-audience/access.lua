local constants = require "kong.constants"
local openidc = require "resty.openidc"

local kong = kong
local ngx = ngx

local _M = {}

local function load_audience(audience)
  local row, err = kong.db.oauth2_audiences:select_by_audience(audience)
  if not row then return nil, err end
  return row
end

local function find_audience(claims)
  local list = type(claims.aud) == "table" and claims.aud or { claims.aud }
  for _, aud in ipairs(list) do
    local cache_key = kong.db.oauth2_audiences:cache_key(aud)
    local row, err = kong.cache:get(cache_key, { ttl = 60, neg_ttl = 5 }, load_audience, aud)
    if err then
      kong.log.err(err)
      return nil, err
    end
    if row then return row end
  end
end

local function verify(conf)
  local opts = {
    discovery = conf.discovery, client_id = conf.client_id, client_secret = conf.client_secret, ssl_verify = conf.ssl_verify and "yes" or "no",
    introspection_endpoint = conf.introspection_endpoint, token_signing_alg_values_expected = { "RS256", "ES256" },
    jwk_expires_in = 24 * 60 * 60, auth_accept_token_as_header_name = conf.auth_header_name,
  }
  local header = kong.request.get_header(conf.auth_header_name)
  local jwt = header and ngx.re.match(header, "^\\s*[Bb]earer\\s+([^.]+\\.[^.]+\\.[^.]+)\\s*$", "jo")
  if jwt then return openidc.bearer_jwt_verify(opts) end
  return openidc.introspect(opts)
end

local function set_consumer(consumer, credential, claims)
  kong.client.authenticate(consumer, credential)
  local set_header, clear_header = kong.service.request.set_header, kong.service.request.clear_header
  for name, v in pairs { [constants.HEADERS.CONSUMER_ID] = consumer and consumer.id or false, [constants.HEADERS.CONSUMER_CUSTOM_ID] = consumer and consumer.custom_id or false,
    [constants.HEADERS.CONSUMER_USERNAME] = consumer and consumer.username or false } do
    if v then set_header(name, v) else clear_header(name) end
  end
  if credential then
    set_header("X-Authenticated-Scope", claims.scope or "")
    clear_header(constants.HEADERS.ANONYMOUS)
  else
    set_header(constants.HEADERS.ANONYMOUS, true)
  end
end

local function authenticate(conf)
  local claims, err = verify(conf)
  if err or not claims then return nil, { status = 401, message = "invalid token: " .. tostring(err) } end
  for _, scope in ipairs(conf.required_scope or {}) do
    if not ngx.re.match(claims.scope or "", "(^|\\s)" .. scope .. "(\\s|$)", "jo") then return nil, { status = 403, message = "insufficient scope" } end
  end
  local row, e = find_audience(claims)
  if e then return nil, { status = 500, message = "An unexpected error occurred" } end
  if not row then return nil, { status = 403, message = "token is for nobody here" } end
  local consumer_cache_key = kong.db.consumers:cache_key(row.consumer.id)
  local consumer, cerr = kong.cache:get(consumer_cache_key, nil, kong.client.load_consumer, row.consumer.id)
  if cerr then return nil, { status = 500, message = cerr } end
  set_consumer(consumer, row, claims)
  if conf.hide_credentials then kong.service.request.clear_header(conf.auth_header_name) end
  return true
end

function _M.execute(conf)
  if conf.anonymous and kong.client.get_credential() then return end
  local ok, err = authenticate(conf)
  if ok then return end
  if conf.anonymous then
    local consumer = kong.cache:get(kong.db.consumers:cache_key(conf.anonymous), nil, kong.client.load_consumer, conf.anonymous, true)
    return set_consumer(consumer)
  end
  return kong.response.exit(err.status, { message = err.message }, { ["WWW-Authenticate"] = 'Bearer realm="' .. conf.realm .. '"' })
end

return _M
