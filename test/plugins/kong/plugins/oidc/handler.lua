-- Shape: OpenID Connect client (the kong-oidc family on current gateways): resty.openidc for browsers, bearer tokens by JWKS or introspection,
-- a virtual credential, user information in headers.
local OidcHandler = {
  VERSION = "1.3.0",
  PRIORITY = 1000,
}
local utils = require("kong.plugins.oidc.utils")
local filter = require("kong.plugins.oidc.filter")
local session = require("kong.plugins.oidc.session")

local function make_oidc(oidcConfig)
  ngx.log(ngx.DEBUG, "OidcHandler calling authenticate, requested path: " .. ngx.var.request_uri)
  local unauth_action = oidcConfig.unauth_action
  if unauth_action ~= "auth" then
    unauth_action = "deny"
  end
  local res, err = require("resty.openidc").authenticate(oidcConfig, ngx.var.request_uri, unauth_action)
  if err then
    if err == "unauthorized request" then
      return kong.response.error(ngx.HTTP_UNAUTHORIZED)
    end
    if oidcConfig.recovery_page_path then
      ngx.log(ngx.DEBUG, "Redirecting to recovery page: " .. oidcConfig.recovery_page_path)
      ngx.redirect(oidcConfig.recovery_page_path)
    end
    return kong.response.error(ngx.HTTP_INTERNAL_SERVER_ERROR)
  end
  return res
end

local function introspect(oidcConfig)
  if utils.has_bearer_access_token() or oidcConfig.bearer_only == "yes" then
    local res, err
    if oidcConfig.use_jwks == "yes" then
      res, err = require("resty.openidc").bearer_jwt_verify(oidcConfig)
    else
      res, err = require("resty.openidc").introspect(oidcConfig)
    end
    if err then
      if oidcConfig.bearer_only == "yes" then
        ngx.header["WWW-Authenticate"] = 'Bearer realm="' .. oidcConfig.realm .. '",error="' .. err .. '"'
        return kong.response.error(ngx.HTTP_UNAUTHORIZED)
      end
      return nil
    end
    if oidcConfig.validate_scope == "yes" then
      local validScope = false
      if res.scope then
        for scope in res.scope:gmatch("([^ ]+)") do
          if scope == oidcConfig.scope then
            validScope = true
            break
          end
        end
      end
      if not validScope then
        kong.log.err("Scope validation failed")
        return kong.response.error(ngx.HTTP_FORBIDDEN)
      end
    end
    ngx.log(ngx.DEBUG, "OidcHandler introspect succeeded, requested path: " .. ngx.var.request_uri)
    return res
  end
  return nil
end

local function handle(oidcConfig)
  local response

  if oidcConfig.bearer_jwt_auth_enable then
    response = utils.verify_bearer_jwt(oidcConfig)
    if response then
      utils.setCredentials(response)
      utils.injectGroups(response, oidcConfig.groups_claim)
      utils.injectHeaders(oidcConfig.header_names, oidcConfig.header_claims, { response })
      if not oidcConfig.disable_userinfo_header then
        utils.injectUser(response, oidcConfig.userinfo_header_name)
      end
      return
    end
  end

  if oidcConfig.introspection_endpoint then
    response = introspect(oidcConfig)
    if response then
      utils.setCredentials(response)
      utils.injectGroups(response, oidcConfig.groups_claim)
      if not oidcConfig.disable_userinfo_header then
        utils.injectUser(response, oidcConfig.userinfo_header_name)
      end
    end
  end

  if response == nil then
    response = make_oidc(oidcConfig)
    if response then
      if response.user or response.id_token then
        utils.setCredentials(response.user or response.id_token)
      end
      if response.user and response.user[oidcConfig.groups_claim] ~= nil then
        utils.injectGroups(response.user, oidcConfig.groups_claim)
      elseif response.id_token then
        utils.injectGroups(response.id_token, oidcConfig.groups_claim)
      end
      utils.injectHeaders(oidcConfig.header_names, oidcConfig.header_claims, { response.user, response.id_token })
      if not oidcConfig.disable_userinfo_header and response.user then
        utils.injectUser(response.user, oidcConfig.userinfo_header_name)
      end
      if not oidcConfig.disable_access_token_header and response.access_token then
        utils.injectAccessToken(response.access_token, oidcConfig.access_token_header_name, oidcConfig.access_token_as_bearer)
      end
      if not oidcConfig.disable_id_token_header and response.id_token then
        utils.injectIDToken(response.id_token, oidcConfig.id_token_header_name)
      end
    end
  end
end

function OidcHandler:access(config)
  local oidcConfig = utils.get_options(config, ngx)

  if oidcConfig.skip_already_auth_requests and kong.client.get_credential() then
    ngx.log(ngx.DEBUG, "OidcHandler ignoring already auth request: " .. ngx.var.request_uri)
    return
  end

  if filter.shouldProcessRequest(oidcConfig) then
    session.configure(config)
    handle(oidcConfig)
  else
    ngx.log(ngx.DEBUG, "OidcHandler ignoring request, path: " .. ngx.var.request_uri)
  end
  ngx.log(ngx.DEBUG, "OidcHandler done")
end

return OidcHandler
