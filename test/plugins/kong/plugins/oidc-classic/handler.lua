-- Shape: OpenID Connect client of the base_plugin era: ngx.ctx, ngx.req.set_header, ngx.say and ngx.exit.
local BasePlugin = require "kong.plugins.base_plugin"
local CustomHandler = BasePlugin:extend()
local cjson = require("cjson")
local openidc = require("resty.openidc")

CustomHandler.PRIORITY = 1000
CustomHandler.VERSION = "1.0.0"

function CustomHandler:new()
  CustomHandler.super.new(self, "oidc-classic")
end

local function exit(httpStatusCode, message, ngxCode)
  ngx.status = httpStatusCode
  ngx.say(message)
  ngx.exit(ngxCode)
end

local function inject(user, idToken, accessToken)
  if user then
    local tmp_user = user
    tmp_user.id = user.sub
    tmp_user.username = user.preferred_username
    ngx.ctx.authenticated_credential = tmp_user
    ngx.req.set_header("X-Userinfo", ngx.encode_base64(cjson.encode(user)))
  end
  if idToken then ngx.req.set_header("X-ID-Token", ngx.encode_base64(cjson.encode(idToken))) end
  if accessToken then ngx.req.set_header("X-Access-Token", accessToken) end
end

function CustomHandler:access(config)
  CustomHandler.super.access(self)
  if config.session_secret then
    ngx.var.session_secret = ngx.decode_base64(config.session_secret)
  end
  local uri = ngx.var.request_uri:gsub("%?.*", "")
  local redirect = ngx.req.get_uri_args().code and uri or (uri:sub(-1) == "/" and uri:sub(1, -2) or uri .. "/")
  local opts = {
    client_id = config.client_id, client_secret = config.client_secret, discovery = config.discovery, scope = config.scope,
    redirect_uri_path = redirect, ssl_verify = "no", token_endpoint_auth_method = "client_secret_post",
  }
  local res, err = openidc.authenticate(opts)
  if err then
    if config.recovery_page_path then
      ngx.redirect(config.recovery_page_path)
    end
    exit(500, err, ngx.HTTP_INTERNAL_SERVER_ERROR)
  end
  if res then inject(res.user, res.id_token, res.access_token) end
end

return CustomHandler
