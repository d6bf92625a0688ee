local cjson = require("cjson.safe")
local http = require("resty.http")
local resty_sha256 = require("resty.sha256")
local str = require("resty.string")
local url = require("socket.url")
local pl_stringx = require("pl.stringx")
local BasePlugin = require("kong.plugins.base_plugin")

local OidcHandler = BasePlugin:extend()

OidcHandler.PRIORITY = 1000
OidcHandler.VERSION = "1.3.0"

function OidcHandler:new()
  OidcHandler.super.new(self, "oidc-client")
end

local function sign(conf, text)
  local sha256 = resty_sha256:new()
  sha256:update(conf.session_secret)
  sha256:update(text)
  return str.to_hex(sha256:final())
end

local function session_cookie(conf, user)
  local payload = ngx.encode_base64(cjson.encode(user))
  local value = payload:gsub("=", "-") .. "." .. sign(conf, payload)
  return "OIDCSession=" .. value .. "; Path=/; HttpOnly; SameSite=Lax; Expires=" .. ngx.cookie_time(ngx.time() + conf.session_ttl)
end

local function read_session(conf)
  local cookie = ngx.var.cookie_OIDCSession
  if not cookie then return nil end
  local parts = pl_stringx.split(cookie, ".")
  if #parts ~= 2 then return nil end
  local payload = parts[1]:gsub("-", "=")
  if sign(conf, payload) ~= parts[2] then
    ngx.log(ngx.ERR, "bad session signature")
    return nil
  end
  return cjson.decode(ngx.decode_base64(payload))
end

local function discover(issuer)
  local httpc = http.new()
  local res, err = httpc:request_uri(issuer .. "/.well-known/openid-configuration")
  if not res then return nil, err end
  return cjson.decode(res.body)
end

local function callback_url(conf)
  return ngx.var.scheme .. "://" .. ngx.var.host .. ":" .. ngx.var.server_port .. conf.callback_path
end

local function to_login(conf, doc)
  local state = sign(conf, ngx.var.request_uri):sub(1, 16)
  ngx.header["Set-Cookie"] = {
    "OIDCState=" .. state .. "; Path=/",
    "OIDCBack=" .. ngx.escape_uri(ngx.var.request_uri) .. "; Path=/",
  }
  local query = ngx.encode_args({ response_type = "code", client_id = conf.client_id, redirect_uri = callback_url(conf), state = state, scope = conf.scope })
  return ngx.redirect(doc.authorization_endpoint .. "?" .. query, ngx.HTTP_MOVED_TEMPORARILY)
end

local function exchange(conf, doc, code)
  local target = url.parse(doc.token_endpoint)
  local httpc = http.new()
  httpc:set_timeout(2000)
  local ok, err = httpc:connect(target.host, tonumber(target.port))
  if not ok then return nil, err end
  local res
  res, err = httpc:request({
    path = target.path, method = "POST",
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded", Host = target.host },
    body = ngx.encode_args({ grant_type = "authorization_code", code = code, client_id = conf.client_id, client_secret = conf.client_secret,
      redirect_uri = callback_url(conf) }),
  })
  if not res then return nil, err end
  local body = res:read_body()
  httpc:set_keepalive()
  if res.status ~= 200 then return nil, "token endpoint: " .. res.status end
  return cjson.decode(body)
end

local function userinfo(doc, token)
  local res, err = http.new():request_uri(doc.userinfo_endpoint, { headers = { Authorization = "Bearer " .. token } })
  if not res then return nil, err end
  return cjson.decode(res.body)
end

function OidcHandler:access(conf)
  OidcHandler.super.access(self)
  local user = read_session(conf)
  if user then
    ngx.req.set_header("X-Oauth-User", user.email)
    ngx.ctx.authenticated_user = user
    return
  end
  local doc, err = kong.cache:get("oidc:" .. conf.issuer, { ttl = 300 }, discover, conf.issuer)
  if not doc then
    ngx.log(ngx.ERR, "discovery: ", err)
    return kong.response.exit(500, "discovery failed")
  end
  if ngx.var.uri == conf.callback_path then
    local args = ngx.req.get_uri_args()
    if args.state ~= ngx.var.cookie_OIDCState then
      return kong.response.exit(ngx.HTTP_BAD_REQUEST, { message = "state does not match" })
    end
    local tokens, terr = exchange(conf, doc, args.code)
    if not tokens then
      return kong.response.exit(ngx.HTTP_UNAUTHORIZED, { message = terr })
    end
    local info = userinfo(doc, tokens.access_token)
    ngx.header["Set-Cookie"] = session_cookie(conf, { email = info.email })
    return ngx.redirect(ngx.unescape_uri(ngx.var.cookie_OIDCBack or "/"))
  end
  if ngx.req.get_headers()["X-Requested-With"] == "XMLHttpRequest" then
    ngx.header["Content-Type"] = "application/json"
    ngx.status = ngx.HTTP_UNAUTHORIZED
    ngx.say(cjson.encode({ message = "login required" }))
    return ngx.exit(ngx.HTTP_UNAUTHORIZED)
  end
  return to_login(conf, doc)
end

return OidcHandler
