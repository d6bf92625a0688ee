-- resty.openidc: an OpenID Connect client and OAuth 2.0 resource server for plugins. authenticate logs browsers in by the code flow and keeps
-- what it learns in a session (resty.session); introspect and bearer_jwt_verify judge the bearer tokens of requests.
local calls = require "gibbon.oidc_http"
local keys = require "gibbon.oidc_keys"
local cjson = require "cjson.safe"
local native = require "gibbon.native"

local type, tostring, tonumber, pairs, ipairs, next, ngx = type, tostring, tonumber, pairs, ipairs, next, ngx

local M = { _VERSION = "1.8.0" }

local levels = { ERROR = ngx.ERR, WARN = ngx.WARN, INFO = ngx.INFO, DEBUG = ngx.DEBUG }
local write = ngx.log

-- set_logging(log, { DEBUG = …, ERROR = … }) takes the module's lines elsewhere.
function M.set_logging(log, given)
  write = log or ngx.log
  for k, v in pairs(given or {}) do levels[k] = v end
end

local function say(level, ...) write(levels[level], "openidc: ", ...) end

-- invalidate_caches() forgets what is known of providers and tokens.
function M.invalidate_caches()
  for _, name in ipairs { "discovery", "jwks", "introspection", "jwt_verification" } do
    local d = ngx.shared[name]
    if d then d:flush_all() end
  end
end

-- ---- sessions of any make: version 3 has data, version 4 get and set ----

local function get(session, key)
  if session.get then return session:get(key) end
  return session.data[key]
end

local function set(session, key, value)
  if session.set then return session:set(key, value) end
  session.data[key] = value
end

-- renew saves a session under a new id: who knew the old one knows nothing after a login. (Version 4 takes a new one with each save.)
local function renew(session)
  if session.regenerate then
    local ok, err = session:regenerate()
    if ok == nil or ok == false then return nil, err end
    if session.refresh then return true end -- it has been saved
  end
  return session:save()
end

local function wants(opts, what) return not opts.session_contents or opts.session_contents[what] end

local function hook(opts, name, ...)
  local fn = opts.lifecycle and opts.lifecycle[name]
  if not fn then return nil end
  local err = fn(...)
  if err then say("WARN", "the hook ", name, " failed: ", tostring(err)) end
  return err
end

-- ---- addresses ----

local function header(name)
  local v = ngx.req.get_headers()[name]
  if type(v) == "table" then v = v[1] end
  return v
end

local function first(v) return v and v:match("^%s*([^,%s]+)") end

local function scheme(opts)
  local forwarded = header("forwarded")
  return opts.redirect_uri_scheme or (forwarded and forwarded:match('[pP]roto="?(%a+)')) or first(header("x-forwarded-proto")) or ngx.var.scheme
end

local function host()
  local forwarded = header("forwarded")
  return (forwarded and forwarded:match('[hH]ost="?([^";,]+)')) or first(header("x-forwarded-host")) or ngx.var.http_host or ngx.var.host
end

local function given_redirect(opts) return opts.redirect_uri or opts.redirect_uri_path end

-- redirect_path and redirect_uri: where the provider sends the browser back to.
local function redirect_path(opts)
  if opts.local_redirect_uri_path then return opts.local_redirect_uri_path end
  local uri = given_redirect(opts)
  return uri and (uri:match("^%a[%w+.-]*://[^/?#]*([^?#]*)") or uri:match("^[^?#]*"))
end

local function redirect_uri(opts)
  local uri = given_redirect(opts)
  if uri:find("^%a[%w+.-]*://") then return uri end
  return scheme(opts) .. "://" .. host() .. uri
end

local function with_args(url, args) return url .. (url:find("?", 1, true) and "&" or "?") .. ngx.encode_args(args) end

local function random(n) return native.to_hex(native.random_bytes(n)) end

-- ---- tokens of the session ----

local function keep_tokens(opts, session, json)
  if wants(opts, "access_token") then
    set(session, "access_token", json.access_token)
    set(session, "access_token_expiration", ngx.time() + (tonumber(json.expires_in) or opts.access_token_expires_in or 3600))
    if json.refresh_token ~= nil then set(session, "refresh_token", json.refresh_token) end
  end
end

local function token_method(opts)
  return calls.auth_method(opts, opts.token_endpoint_auth_method, opts.discovery.token_endpoint_auth_methods_supported)
end

function M.get_token_auth_method(opts) return token_method(opts) end

local SHARED = 10 -- seconds that requests at the same time may use what one of them got

-- refresh asks for new tokens once for all requests of a session that come at the same time: a refresh token is often good for one use.
local function refresh(opts, token)
  local dict, id = ngx.shared.kong, "gibbon:oidc refresh:" .. native.to_hex(native.digest("sha256", opts.client_id .. "\0" .. token))
  local lock = require("resty.lock"):new("kong_locks", { timeout = 10, exptime = 30 })
  local held = lock and lock:lock(id)
  local kept = dict and dict:get(id)
  local json, err
  if kept then
    json = cjson.decode(kept)
  else
    json, err = calls.token_endpoint(opts, opts.discovery.token_endpoint, { grant_type = "refresh_token", refresh_token = token,
      scope = opts.scope or "openid email profile" }, token_method(opts))
    if json and dict then dict:set(id, cjson.encode(json), SHARED) end
  end
  if held then lock:unlock() end
  return json, err
end

-- current_token: the session's access token, renewed where that is wanted and can be; nil, why not.
local function current_token(opts, session, renewable)
  local token = get(session, "access_token")
  if token == nil then return nil, "no access token in the session" end
  local ends = get(session, "access_token_expiration")
  if not ends or ngx.time() < ends - (opts.access_token_expires_leeway or 0) then return token end
  if not renewable then return nil, "token expired" end
  local again = get(session, "refresh_token")
  if again == nil then return nil, "token expired and no refresh token available" end
  local ok, err = calls.discover(opts)
  if not ok then return nil, err end
  local json
  json, err = refresh(opts, again)
  if not json then return nil, err end
  if not json.access_token then return nil, "the token endpoint answered without an access_token" end
  if json.id_token then
    local claims
    claims, err = keys.id_token(opts, json.id_token, nil)
    if not claims then return nil, "invalid id_token after refresh: " .. err end
    local before = get(session, "id_token")
    if before and before.sub ~= claims.sub then return nil, "the id_token after refresh is another subject's" end
    if wants(opts, "id_token") then set(session, "id_token", claims) end
    if wants(opts, "enc_id_token") then set(session, "enc_id_token", json.id_token) end
  end
  keep_tokens(opts, session, json)
  ok, err = renew(session)
  if not ok then return nil, "failed to save the session: " .. tostring(err) end
  err = hook(opts, "on_regenerated", session)
  if err then return nil, err end
  return json.access_token
end

local function start(session_or_opts)
  if type(session_or_opts) == "table" and type(session_or_opts.open) == "function" then return session_or_opts end
  local session, err = require("resty.session").start(session_or_opts)
  if not session then return nil, err end
  return session
end

-- access_token(opts, session or its options): the access token of the browser's session, renewed if it has expired.
function M.access_token(opts, session_or_opts)
  local session, err = start(session_or_opts)
  if not session then return nil, err end
  return current_token(opts, session, opts.renew_access_token_on_expiry ~= false)
end

-- ---- the code flow ----

local function authorize(opts, session, target, prompt)
  local ok, err = calls.discover(opts)
  if not ok then return nil, err end
  local endpoint = opts.discovery.authorization_endpoint
  if not endpoint then return nil, "the discovery document has no authorization_endpoint" end
  local state, nonce, verifier = random(16), opts.use_nonce ~= false and random(16) or nil, nil
  local params = { client_id = opts.client_id, response_type = "code", scope = opts.scope or "openid email profile", redirect_uri = redirect_uri(opts),
    state = state, nonce = nonce, prompt = prompt or opts.prompt, display = opts.display, response_mode = opts.response_mode }
  if opts.use_pkce then
    verifier = native.encode_base64url(native.random_bytes(32))
    params.code_challenge_method, params.code_challenge = "S256", native.encode_base64url(native.digest("sha256", verifier))
  end
  for k, v in pairs(opts.authorization_params or {}) do params[k] = v end
  set(session, "original_url", target)
  set(session, "state", state)
  set(session, "nonce", nonce)
  set(session, "code_verifier", verifier)
  set(session, "last_authenticated", ngx.time())
  err = hook(opts, "on_created", session)
  if err then return nil, err end
  ok, err = session:save()
  if not ok then return nil, "failed to save the session: " .. tostring(err) end
  ngx.header["Cache-Control"] = "no-cache, no-store, max-age=0"
  return ngx.redirect(with_args(endpoint, params))
end

local function response_args()
  if ngx.req.get_method() ~= "POST" then return ngx.req.get_uri_args() end
  ngx.req.read_body()
  return ngx.req.get_post_args() or {}
end

local function one(v) return type(v) == "table" and v[1] or v end

-- checked_response: the code, or nil and what is wrong with what the browser brought.
local function checked_response(opts, session, args)
  local state = get(session, "state")
  if one(args.error) then return nil, "error=" .. tostring(one(args.error)) .. ", error_description=" .. tostring(one(args.error_description) or "") end
  local code, given = one(args.code), one(args.state)
  if type(code) ~= "string" or type(given) ~= "string" then return nil, "unhandled request to the redirect_uri: " .. ngx.var.request_uri end
  if not state then return nil, "request to the redirect_uri path but there's no session state found" end
  if given ~= state then return nil, "state from argument: " .. given .. " does not match state restored from session: " .. tostring(state) end
  local iss, client = one(args.iss), one(args.client_id)
  if iss and iss ~= opts.discovery.issuer then
    return nil, "iss from argument: " .. tostring(iss) .. " does not match expected issuer: " .. tostring(opts.discovery.issuer)
  end
  if client and client ~= opts.client_id then return nil, "client_id from argument: " .. tostring(client) .. " does not match expected client_id: " .. tostring(opts.client_id) end
  return code
end

local function user_of(opts, json, claims)
  if not wants(opts, "user") then return nil end
  local user, err = calls.userinfo(opts, json.access_token)
  if not user then
    if err then say("ERROR", "error calling userinfo endpoint: ", err) end
    return nil
  end
  if claims.sub ~= user.sub and user.sub ~= nil then
    say("ERROR", '"sub" claim in id_token is not equal to the sub of the user information, which is ignored')
    return nil
  end
  return user
end

local function logged_in(opts, session, json, claims)
  local target = get(session, "original_url")
  for _, name in ipairs { "state", "nonce", "code_verifier", "original_url" } do set(session, name, nil) end
  if wants(opts, "id_token") then set(session, "id_token", claims) end
  local user = user_of(opts, json, claims)
  if user then set(session, "user", user) end
  if wants(opts, "enc_id_token") then set(session, "enc_id_token", json.id_token) end
  keep_tokens(opts, session, json)
  set(session, "authenticated", true)
  set(session, "last_authenticated", ngx.time())
  local err = hook(opts, "on_authenticated", session, claims, json)
  if err then return nil, err, target, session end
  local ok
  ok, err = renew(session)
  if not ok then return nil, "failed to save the session: " .. tostring(err), target, session end
  return ngx.redirect(target or "/")
end

local function authorization_response(opts, session)
  local ok, err = calls.discover(opts)
  if not ok then return nil, err, get(session, "original_url"), session end
  local code
  code, err = checked_response(opts, session, response_args())
  if not code then
    say("ERROR", err)
    return nil, err, get(session, "original_url"), session
  end
  local json
  json, err = calls.token_endpoint(opts, opts.discovery.token_endpoint, { grant_type = "authorization_code", code = code, redirect_uri = redirect_uri(opts),
    state = get(session, "state"), code_verifier = get(session, "code_verifier") }, token_method(opts))
  local claims
  if json then claims, err = keys.id_token(opts, json.id_token, get(session, "nonce")) end
  if not claims then
    say("ERROR", err)
    return nil, err, get(session, "original_url"), session
  end
  return logged_in(opts, session, json, claims)
end

-- ---- the end ----

-- revoke_token(opts, "refresh_token" or "access_token", token) says whether the provider took it.
function M.revoke_token(opts, hint, token)
  if token == nil then return true end
  local ok, err = calls.discover(opts)
  if not ok then return false, err end
  local endpoint = opts.discovery.revocation_endpoint
  if not endpoint then
    say("DEBUG", "no revocation endpoint supplied; unable to revoke ", hint)
    return nil
  end
  local auth = calls.auth_method(opts, opts.token_endpoint_auth_method, opts.discovery.revocation_endpoint_auth_methods_supported
    or opts.discovery.token_endpoint_auth_methods_supported)
  local _
  _, err = calls.token_endpoint(opts, endpoint, { token = token, token_type_hint = hint }, auth, "revocation", true)
  if err then
    say("ERROR", "revocation of ", hint, " failed: ", err)
    return false
  end
  return true
end

function M.revoke_tokens(opts, session)
  M.revoke_token(opts, "refresh_token", get(session, "refresh_token"))
  return M.revoke_token(opts, "access_token", get(session, "access_token"))
end

local function logout(opts, session)
  local enc = get(session, "enc_id_token")
  local ok, err = calls.discover(opts)
  if not ok then say("WARN", "logout without the provider: ", err) end
  if opts.revoke_tokens_on_logout and ok then M.revoke_tokens(opts, session) end
  hook(opts, "on_logout", session)
  ok, err = session:destroy()
  if not ok then say("ERROR", "failed to end the session: ", tostring(err)) end
  ngx.header["Cache-Control"] = "no-cache, no-store, max-age=0"
  local to, args = opts.redirect_after_logout_uri, {}
  if opts.redirect_after_logout_with_id_token_hint ~= false and enc then args.id_token_hint = enc end
  if not to then
    to = type(opts.discovery) == "table" and (opts.discovery.end_session_endpoint or opts.discovery.ping_end_session_endpoint)
    if opts.post_logout_redirect_uri then args.post_logout_redirect_uri = opts.post_logout_redirect_uri end
    if args.post_logout_redirect_uri and not args.id_token_hint then args.client_id = opts.client_id end
  elseif opts.redirect_after_logout_with_id_token_hint == nil and to:sub(1, 1) == "/" then
    args = {} -- a page of this host needs no hint
  end
  if to then return ngx.redirect(next(args) and with_args(to, args) or to) end
  ngx.header["Content-Type"] = "text/html"
  ngx.say("<html><body>Logged Out</body></html>")
  return ngx.exit(ngx.OK)
end

-- ---- authenticate ----

-- authenticate(opts, target, unauth_action, session or its options): { id_token, access_token, user }, error, target, session. A browser that is
-- not logged in goes to the provider; with unauth_action "deny" there is an error instead, with "pass" nothing.
function M.authenticate(opts, target, unauth_action, session_or_opts)
  if opts.redirect_uri_path then say("WARN", "using the deprecated option `opts.redirect_uri_path`; switch to using an absolute URI and `opts.redirect_uri` instead") end
  if not given_redirect(opts) then return nil, "opts.redirect_uri is needed", target, nil end
  local session, err = start(session_or_opts)
  if not session then
    say("ERROR", "Error starting session: ", tostring(err))
    return nil, "Error starting session: " .. tostring(err), target, nil
  end
  target = target or ngx.var.request_uri
  local path = target:match("^[^?#]*")
  if path == redirect_path(opts) then
    if not get(session, "state") then
      err = "request to the redirect_uri path but there's no session state found"
      say("ERROR", err)
      return nil, err, target, session
    end
    return authorization_response(opts, session)
  end
  if path == (opts.logout_path or "/logout") then return logout(opts, session) end

  local token, expired
  if get(session, "authenticated") and wants(opts, "access_token") then
    token, err = current_token(opts, session, opts.renew_access_token_on_expiry ~= false)
    if not token then
      say("INFO", "the session's access token cannot be used: ", tostring(err))
      expired = true
    end
  end
  if expired or opts.force_reauthorize or not get(session, "authenticated") then
    if unauth_action == "pass" then
      if expired then
        set(session, "authenticated", false)
        return nil, "token refresh failed", target, session
      end
      return nil, nil, target, session
    end
    if unauth_action == "deny" then return nil, "unauthorized request", target, session end
    local _
    _, err = authorize(opts, session, target)
    return nil, err, target, session
  end

  local every = opts.refresh_session_interval
  if every and (get(session, "last_authenticated") or 0) + every < ngx.time() then
    local _
    _, err = authorize(opts, session, target, "none")
    return nil, err, target, session
  end
  return { id_token = get(session, "id_token"), access_token = token or get(session, "access_token"), user = get(session, "user") }, nil, target, session
end

-- ---- pieces that plugins call themselves ----

-- call_token_endpoint(opts, endpoint, body, auth, name, ignore the body of a success)
function M.call_token_endpoint(...) return calls.token_endpoint(...) end

function M.call_userinfo_endpoint(opts, token)
  local ok, err = calls.discover(opts)
  if not ok then return nil, err end
  return calls.userinfo(opts, token)
end

function M.get_discovery_doc(opts)
  local ok, err = calls.discover(opts)
  if not ok then return nil, err end
  return opts.discovery
end

-- ---- bearer tokens ----

-- bearer: the token of the request, in a header or a cookie (opts.auth_accept_token_as = "header:Name" or "cookie:Name").
local function bearer(opts)
  local as = opts.auth_accept_token_as or opts.auth_accept_token_as_header_name and "header:" .. opts.auth_accept_token_as_header_name or "header"
  local kind, name = as:match("^([^:]*):?(.*)$")
  if kind == "cookie" then
    name = name ~= "" and name or "PA.global"
    local v = ngx.var["cookie_" .. name]
    if not v then return nil, "no Cookie " .. name .. " found" end
    return v
  end
  if name == "" then name = "Authorization" end
  local text = header(name)
  if not text or text == "" then return nil, "no " .. (name == "Authorization" and "Authorization header" or "header " .. name) .. " found" end
  local kept = text:match("^[Bb][Ee][Aa][Rr][Ee][Rr]%s+(%S+)%s*$")
  if not kept then return nil, "no Bearer authorization header value found" end
  return kept
end

local function introspection_ttl(opts, json)
  local claim = opts.introspection_expiry_claim or "exp"
  local v = json[claim]
  local ttl
  if type(v) == "number" then ttl = claim == "expires_in" and v or v - ngx.time()
  elseif opts.introspection_expiry_claim_required ~= false and not opts.introspection_interval then return 0 end
  local every = opts.introspection_interval
  if every and every > 0 and (not ttl or every < ttl) then ttl = every end
  return ttl or 0
end

-- introspect(opts): what the provider says of the request's token (RFC 7662), or nil and why not. Answers are kept in the cache "introspection".
function M.introspect(opts)
  local token, err = bearer(opts)
  if not token then
    say("DEBUG", err)
    return nil, err
  end
  local kept = not opts.introspection_cache_ignore and calls.cached("introspection", opts, token)
  if kept then
    local json = cjson.decode(kept)
    if json and json.active then return json end
    return json, "invalid cached token"
  end
  local endpoint = opts.introspection_endpoint
  if not endpoint then
    local ok
    ok, err = calls.discover(opts)
    if not ok then return nil, err end
    endpoint = opts.discovery.introspection_endpoint
    if not endpoint then return nil, "there is no introspection_endpoint" end
  end
  local body = {}
  for k, v in pairs(opts.introspection_params or {}) do body[k] = v end
  body[opts.introspection_token_param_name or "token"] = token
  local auth = opts.introspection_endpoint_auth_method or (opts.client_secret and "client_secret_post") or nil
  local json
  json, err = calls.token_endpoint(opts, endpoint, body, auth, "introspection")
  if not json then return nil, err end
  if not opts.introspection_cache_ignore then calls.cache("introspection", opts, token, cjson.encode(json), introspection_ttl(opts, json)) end
  if json.active ~= true and json.active ~= "true" then
    say("DEBUG", "the token is not active")
    return json, "invalid token"
  end
  return json
end

-- jwt_verify(token, opts, claim validators...): claims, error
function M.jwt_verify(token, opts, ...)
  local claims, err = keys.access_token(opts, token, ...)
  if not claims then
    say("ERROR", "jwt verification failed: ", err)
    return nil, err, token
  end
  return claims, nil, token
end

-- bearer_jwt_verify(opts, claim validators...): the claims of the request's token, error, the token
function M.bearer_jwt_verify(opts, ...)
  local token, err = bearer(opts)
  if not token then return nil, err end
  return M.jwt_verify(token, opts, ...)
end

return M
