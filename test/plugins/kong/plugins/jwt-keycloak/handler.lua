-- Shape: tokens of an identity server whose keys are fetched with LuaSocket's modules: socket.url, socket.http, ssl.https, ltn12; keys made of
-- modulus and exponent by hand; the jwt plugin's parser; kong.cache.
local constants = require "kong.constants"
local jwt_decoder = require "kong.plugins.jwt.jwt_parser"
local socket = require "socket"
local keycloak_keys = require("kong.plugins.jwt-keycloak.keycloak_keys")

local fmt, kong, type = string.format, kong, type
local re_gmatch = ngx.re.gmatch

local priority_env_var = "JWT_KEYCLOAK_PRIORITY"
local priority = tonumber(os.getenv(priority_env_var) or "") or 1005

local JwtKeycloakHandler = { PRIORITY = priority, VERSION = "1.1.0" }

function JwtKeycloakHandler:init_worker()
  kong.log.info("priority is ", priority)
end

local function retrieve_token(conf)
  local args = kong.request.get_query()
  for _, v in ipairs(conf.uri_param_names) do
    if args[v] then return args[v] end
  end
  for _, v in ipairs(conf.cookie_names) do
    local cookie = ngx.var["cookie_" .. v]
    if cookie and cookie ~= "" then return cookie end
  end
  local authorization_header = kong.request.get_header("authorization")
  if authorization_header then
    local iterator, iter_err = re_gmatch(authorization_header, "\\s*[Bb]earer\\s+(.+)")
    if not iterator then return nil, iter_err end
    local m, err = iterator()
    if err then return nil, err end
    if m and #m > 0 then return m[1] end
  end
end

local function load_keys(well_known_endpoint)
  local keys, err = keycloak_keys.get_issuer_keys(well_known_endpoint)
  if err then return nil, err end
  local decoded_keys = {}
  for i, key in ipairs(keys) do
    decoded_keys[i] = jwt_decoder:base64_decode(key)
  end
  return { keys = decoded_keys, updated_at = socket.gettime() }
end

local function validate_signature(conf, jwt, second_call)
  local issuer_cache_key = "jwt_keys_" .. jwt.claims.iss
  local well_known_endpoint = fmt(conf.well_known_template, jwt.claims.iss)
  local public_keys, err = kong.cache:get(issuer_cache_key, nil, load_keys, well_known_endpoint)
  if not public_keys then
    if err then kong.log.err(err) end
    return { status = 403, message = "Unable to get public key for issuer" }
  end
  for _, k in ipairs(public_keys.keys) do
    if jwt:verify_signature(k) then return nil end
  end
  local since_last_update = socket.gettime() - public_keys.updated_at
  if not second_call and since_last_update > conf.iss_key_grace_period then
    kong.log.debug("Could not validate signature. Keys updated last " .. since_last_update .. " seconds ago")
    kong.cache:invalidate_local(issuer_cache_key)
    return validate_signature(conf, jwt, true)
  end
  return { status = 401, message = "Invalid token signature" }
end

local function set_consumer(consumer, credential)
  kong.client.authenticate(consumer, credential)
  kong.service.request.set_header(constants.HEADERS.CONSUMER_ID, consumer.id)
  kong.service.request.set_header(constants.HEADERS.CONSUMER_USERNAME, consumer.username)
end

local function match_consumer(conf, jwt)
  local consumer_id = jwt.claims[conf.consumer_match_claim]
  local consumer_cache_key = "custom_id_key_" .. tostring(consumer_id)
  local consumer, err = kong.cache:get(consumer_cache_key, nil, function()
    return kong.db.consumers:select_by_custom_id(consumer_id)
  end)
  if err then kong.log.err(err) end
  if not consumer then return false, { status = 401, message = "Unable to find consumer " .. tostring(consumer_id) .. " for token" } end
  set_consumer(consumer, { id = consumer.id })
  return true
end

local function do_authentication(conf)
  local token, err = retrieve_token(conf)
  if err then
    kong.log.err(err)
    return kong.response.exit(500, { message = "An unexpected error occurred" })
  end
  local token_type = type(token)
  if token_type ~= "string" then
    if token_type == "nil" then return false, { status = 401, message = "Unauthorized" } end
    return false, { status = 401, message = "Multiple tokens provided" }
  end
  local jwt, err = jwt_decoder:new(token)
  if err then return false, { status = 401, message = "Bad token; " .. tostring(err) } end
  if jwt.header.alg ~= (conf.algorithm or "RS256") then return false, { status = 403, message = "Invalid algorithm" } end
  local ok_claims, errors = jwt:verify_registered_claims(conf.claims_to_verify)
  if not ok_claims then
    local why
    for k, v in pairs(errors) do why = (why and why .. ", " or "") .. k .. ": " .. v end
    return false, { status = 401, message = "Token claims invalid: " .. why }
  end
  if conf.maximum_expiration ~= nil and conf.maximum_expiration > 0 then
    local ok, errs = jwt:check_maximum_expiration(conf.maximum_expiration)
    if not ok then return false, { status = 403, message = "Token claims invalid: " .. tostring(errs.exp) } end
  end
  local allowed
  for _, iss in pairs(conf.allowed_iss) do allowed = allowed or jwt.claims.iss:match(iss) ~= nil end
  if not allowed then return false, { status = 401, message = "Token issuer not allowed" } end
  err = validate_signature(conf, jwt)
  if err ~= nil then return false, err end
  if conf.scope and #conf.scope > 0 then
    local found
    for s in (jwt.claims.scope or ""):gmatch("%S+") do for _, want in ipairs(conf.scope) do found = found or s == want end end
    if not found then return false, { status = 403, message = "Access token does not have the required scope/role: Missing required scope" } end
  end
  if conf.consumer_match then
    local ok, e = match_consumer(conf, jwt)
    if not ok then return ok, e end
  end
  ngx.ctx.jwt_keycloak_token = jwt
  kong.ctx.shared.jwt_keycloak_token = jwt
  return true
end

function JwtKeycloakHandler:access(conf)
  if not conf.run_on_preflight and kong.request.get_method() == "OPTIONS" then return end
  if conf.anonymous and kong.client.get_credential() then return end
  local ok, err = do_authentication(conf)
  if not ok then
    if conf.anonymous then
      local consumer_cache_key = kong.db.consumers:cache_key(conf.anonymous)
      local consumer, e = kong.cache:get(consumer_cache_key, nil, kong.client.load_consumer, conf.anonymous, true)
      if e then return kong.response.exit(500, { message = "An unexpected error occurred" }) end
      set_consumer(consumer)
    else
      return kong.response.exit(err.status, err.errors or { message = err.message })
    end
  end
end

return JwtKeycloakHandler
