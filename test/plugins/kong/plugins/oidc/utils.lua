local cjson = require("cjson")
local constants = require "kong.constants"

local M = {}

local function parseFilters(csvFilters)
  local filters = {}
  if (not (csvFilters == nil)) and (not (csvFilters == ",")) then
    for pattern in string.gmatch(csvFilters, "[^,]+") do
      table.insert(filters, pattern)
    end
  end
  return filters
end

local function formatAsBearerToken(token)
  return "Bearer " .. token
end

function M.get_redirect_uri(ngx)
  local function drop_query()
    local uri = ngx.var.request_uri
    local x = uri:find("?")
    if x then return uri:sub(1, x - 1) end
    return uri
  end
  local function tackle_slash(path)
    local args = ngx.req.get_uri_args()
    if args and args.code then
      return path
    elseif path == "/" then
      return "/cb"
    elseif path:sub(-1) == "/" then
      return path:sub(1, -2)
    else
      return path .. "/"
    end
  end
  return tackle_slash(drop_query())
end

function M.get_options(config, ngx)
  return {
    client_id = config.client_id,
    client_secret = config.client_secret,
    discovery = config.discovery,
    introspection_endpoint = config.introspection_endpoint,
    introspection_endpoint_auth_method = config.introspection_endpoint_auth_method,
    introspection_cache_ignore = config.introspection_cache_ignore,
    timeout = config.timeout,
    bearer_only = config.bearer_only,
    realm = config.realm,
    redirect_uri = config.redirect_uri or M.get_redirect_uri(ngx),
    scope = config.scope,
    validate_scope = config.validate_scope,
    response_type = config.response_type,
    ssl_verify = config.ssl_verify,
    use_jwks = config.use_jwks,
    token_endpoint_auth_method = config.token_endpoint_auth_method,
    recovery_page_path = config.recovery_page_path,
    filters = parseFilters((config.filters or "") .. "," .. (config.ignore_auth_filters or "")),
    logout_path = config.logout_path,
    revoke_tokens_on_logout = config.revoke_tokens_on_logout == "yes",
    redirect_after_logout_uri = config.redirect_after_logout_uri,
    redirect_after_logout_with_id_token_hint = config.redirect_after_logout_with_id_token_hint == "yes",
    post_logout_redirect_uri = config.post_logout_redirect_uri,
    unauth_action = config.unauth_action,
    userinfo_header_name = config.userinfo_header_name,
    id_token_header_name = config.id_token_header_name,
    access_token_header_name = config.access_token_header_name,
    access_token_as_bearer = config.access_token_as_bearer == "yes",
    disable_userinfo_header = config.disable_userinfo_header == "yes",
    disable_id_token_header = config.disable_id_token_header == "yes",
    disable_access_token_header = config.disable_access_token_header == "yes",
    groups_claim = config.groups_claim,
    skip_already_auth_requests = config.skip_already_auth_requests == "yes",
    bearer_jwt_auth_enable = config.bearer_jwt_auth_enable == "yes",
    bearer_jwt_auth_allowed_auds = config.bearer_jwt_auth_allowed_auds,
    bearer_jwt_auth_signing_algs = config.bearer_jwt_auth_signing_algs,
    header_names = config.header_names or {},
    header_claims = config.header_claims or {},
    proxy_opts = {
      http_proxy = config.http_proxy,
      https_proxy = config.https_proxy,
    },
  }
end

local function set_consumer(consumer, credential)
  kong.client.authenticate(consumer, credential)
  local set_header = kong.service.request.set_header
  local clear_header = kong.service.request.clear_header

  if consumer and consumer.id then
    set_header(constants.HEADERS.CONSUMER_ID, consumer.id)
  else
    clear_header(constants.HEADERS.CONSUMER_ID)
  end

  if credential then
    if credential.sub then
      set_header(constants.HEADERS.CREDENTIAL_IDENTIFIER, credential.sub)
    else
      clear_header(constants.HEADERS.CREDENTIAL_IDENTIFIER)
    end
    clear_header(constants.HEADERS.ANONYMOUS)
  end
end

function M.injectAccessToken(accessToken, headerName, bearerToken)
  local token = accessToken
  if bearerToken then
    token = formatAsBearerToken(token)
  end
  kong.service.request.set_header(headerName, token)
end

function M.injectIDToken(idToken, headerName)
  local tokenStr = cjson.encode(idToken)
  kong.service.request.set_header(headerName, ngx.encode_base64(tokenStr))
end

function M.setCredentials(user)
  local tmp_user = user
  tmp_user.id = user.sub
  tmp_user.username = user.preferred_username
  set_consumer(nil, tmp_user)
end

function M.injectUser(user, headerName)
  kong.service.request.set_header(headerName, ngx.encode_base64(cjson.encode(user)))
end

function M.injectGroups(user, claim)
  if user[claim] ~= nil then
    kong.ctx.shared.authenticated_groups = user[claim]
  end
end

function M.injectHeaders(header_names, header_claims, sources)
  if #header_names ~= #header_claims then
    kong.log.err("Different number of elements provided in header_names and header_claims. Headers will not be added.")
    return
  end
  for i = 1, #header_names do
    local header, claim = header_names[i], header_claims[i]
    kong.service.request.clear_header(header)
    for j = 1, #sources do
      local source = sources[j]
      if source and source[claim] then
        kong.service.request.set_header(header, source[claim])
        break
      end
    end
  end
end

function M.has_bearer_access_token()
  local header = ngx.req.get_headers()["Authorization"]
  if header and header:find(" ") then
    local divider = header:find(" ")
    if string.lower(header:sub(0, divider - 1)) == string.lower("Bearer") then
      return true
    end
  end
  return false
end

function M.has_common_item(t1, t2)
  if t1 == nil or t2 == nil then return false end
  if type(t1) == "string" then t1 = { t1 } end
  if type(t2) == "string" then t2 = { t2 } end
  for _, i1 in pairs(t1) do
    for _, i2 in pairs(t2) do
      if type(i1) == "string" and type(i2) == "string" and i1 == i2 then return true end
    end
  end
  return false
end

function M.verify_bearer_jwt(oidcConfig)
  if not M.has_bearer_access_token() then
    return nil
  end
  local opts = {
    accept_none_alg = false,
    accept_unsupported_alg = false,
    token_signing_alg_values_expected = oidcConfig.bearer_jwt_auth_signing_algs,
    discovery = oidcConfig.discovery,
    timeout = oidcConfig.timeout,
    ssl_verify = oidcConfig.ssl_verify,
  }

  local discovery_doc, err = require("resty.openidc").get_discovery_doc(opts)
  if err then
    kong.log.err("Discovery document retrieval for Bearer JWT verify failed")
    return nil
  end

  local allowed_auds = oidcConfig.bearer_jwt_auth_allowed_auds or oidcConfig.client_id

  local jwt_validators = require "resty.jwt-validators"
  jwt_validators.set_system_leeway(120)
  local claim_spec = {
    iss = jwt_validators.equals(discovery_doc.issuer),
    sub = jwt_validators.required(),
    aud = function(val) return M.has_common_item(val, allowed_auds) end,
    exp = jwt_validators.is_not_expired(),
    iat = jwt_validators.required(),
    nbf = jwt_validators.opt_is_not_before(),
  }

  local json, err, token = require("resty.openidc").bearer_jwt_verify(opts, claim_spec)
  if err then
    kong.log.err("Bearer JWT verify failed: " .. err)
    return nil
  end
  return json
end

return M
