-- What a client of an OpenID provider asks it over HTTP: discovery, tokens, user information, revocation. opts are resty.openidc's.
local http = require "resty.http"
local cjson = require "cjson.safe"
local jwt = require "resty.jwt"
local native = require "gibbon.native"

local type, tostring, pairs, ipairs, ngx = type, tostring, pairs, ipairs, ngx
local ERR, DEBUG, WARN = ngx.ERR, ngx.DEBUG, ngx.WARN

local M = {}

-- ---- caches: shared dictionaries of these names, where they are declared ----

-- key_in separates clients that share a gateway: by opts.cache_segment.
local function key_in(opts, key) return opts and opts.cache_segment and opts.cache_segment .. "," .. key or key end

function M.cached(dict, opts, key)
  local d = ngx.shared[dict]
  return d and d:get(key_in(opts, key)) or nil
end

function M.cache(dict, opts, key, value, ttl)
  local d = ngx.shared[dict]
  if not d or ttl <= 0 then return end
  local ok, err = d:set(key_in(opts, key), value, ttl)
  if not ok then ngx.log(WARN, "openidc: cannot keep a value in ", dict, ": ", err) end
end

-- allow(dict, opts, key, seconds) is true once in that time.
function M.allow(dict, opts, key, seconds)
  local d = ngx.shared[dict]
  return not d or d:add(key_in(opts, key), true, seconds) ~= false
end

-- ---- requests ----

local function client(opts)
  local c = http.new()
  local t = opts.timeout
  if type(t) == "table" then
    c:set_timeouts(t.connect or 60000, t.send or 60000, t.read or 60000)
  elseif t then
    c:set_timeout(t)
  end
  if opts.proxy_opts then c:set_proxy_options(opts.proxy_opts) end
  return c
end

function M.request(opts, url, params)
  params.ssl_verify = opts.ssl_verify ~= "no" and opts.ssl_verify ~= false
  params.keepalive = opts.keepalive ~= "no" and opts.keepalive ~= false
  if opts.http_request_decorator then params = opts.http_request_decorator(params) or params end
  return client(opts):request_uri(url, params)
end

-- json_of gives the table of an answer; an answer that is no success is an error.
local function json_of(res, ignore_body)
  if res.status < 200 or res.status > 299 then return nil, "response indicates failure, status=" .. res.status .. ", body=" .. tostring(res.body) end
  if ignore_body then return nil, nil end
  local v, err = cjson.decode(res.body)
  if type(v) ~= "table" then return nil, "JSON decoding failed: " .. tostring(err or "not an object") end
  return v
end
M.json_of = json_of

-- document(opts, url, dict, ttl) is a JSON document, kept in a cache.
function M.document(opts, url, dict, ttl, anew)
  local text = not anew and M.cached(dict, opts, url)
  if text then return cjson.decode(text) end
  local res, err = M.request(opts, url, { method = "GET" })
  if not res then return nil, "accessing " .. dict .. " url (" .. url .. ") failed: " .. tostring(err) end
  local v
  v, err = json_of(res)
  if not v then return nil, err end
  M.cache(dict, opts, url, res.body, ttl)
  return v
end

local DAY = 86400

-- discover(opts) makes a table of opts.discovery: true, or nil and why not.
function M.discover(opts)
  if type(opts.discovery) == "string" then
    local doc, err = M.document(opts, opts.discovery, "discovery", opts.discovery_expires_in or DAY)
    if not doc then
      ngx.log(ERR, "openidc: ", err)
      return nil, err
    end
    opts.discovery = doc
  end
  if opts.discovery ~= nil and type(opts.discovery) ~= "table" then return nil, "opts.discovery has to be a URL or a table" end
  if not opts.discovery then opts.discovery = {} end
  return true
end

-- ---- how a client says who it is ----

local METHODS = { "client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt" }

local function able(opts, method)
  if method == "private_key_jwt" then return opts.client_rsa_private_key ~= nil end
  return opts.client_secret ~= nil
end

-- auth_method(opts, wanted, offered): the one of opts if the provider offers it, else the first of ours that it does.
function M.auth_method(opts, wanted, offered)
  if wanted == "none" then return nil end
  local has
  if type(offered) == "table" then
    has = {}
    for _, m in ipairs(offered) do has[m] = true end
  end
  if wanted then
    if not has or has[wanted] then return wanted end
    ngx.log(WARN, "openidc: the provider does not offer the configured authentication method ", wanted)
  end
  for _, m in ipairs(METHODS) do
    if able(opts, m) and (not has or has[m]) then return m end
  end
end

local function assertion(opts, endpoint, key, alg)
  local now = ngx.time()
  local ok, token = pcall(jwt.sign, jwt, key, { header = { typ = "JWT", alg = alg, kid = opts.client_rsa_private_key_id },
    payload = { iss = opts.client_id, sub = opts.client_id, aud = endpoint, jti = native.to_hex(native.random_bytes(16)), iat = now,
      exp = now + (opts.client_jwt_assertion_expires_in or 60) } })
  if ok then return token end
  return nil, type(token) == "table" and token.reason or tostring(token)
end

local function authenticate(opts, endpoint, auth, body, headers)
  if auth == "client_secret_basic" then
    if opts.client_secret then
      headers["Authorization"] = "Basic " .. ngx.encode_base64(ngx.escape_uri(opts.client_id) .. ":" .. ngx.escape_uri(opts.client_secret))
    else
      headers["Authorization"] = "Basic " .. ngx.encode_base64(ngx.escape_uri(opts.client_id) .. ":")
    end
    return true
  end
  if auth == "private_key_jwt" or auth == "client_secret_jwt" then
    local key, alg = opts.client_secret, "HS256"
    if auth == "private_key_jwt" then
      key = opts.client_rsa_private_key
      if not key then return nil, "private_key_jwt needs opts.client_rsa_private_key" end
      local k, err = require("gibbon.keys").private(key)
      if not k then return nil, "client_rsa_private_key: " .. tostring(err) end
      alg = k:get_key_type().id == 408 and "ES256" or "RS256"
    end
    local token, err = assertion(opts, endpoint, key, alg)
    if not token then return nil, err end
    body.client_id = opts.client_id
    body.client_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    body.client_assertion = token
    return true
  end
  body.client_id = opts.client_id
  if auth == "client_secret_post" then body.client_secret = opts.client_secret end
  return true
end

-- token_endpoint(opts, endpoint, body, auth, name, ignore the body of a success): the answer's JSON, or nil and why not.
function M.token_endpoint(opts, endpoint, body, auth, name, ignore_body)
  name = name or "token"
  if not endpoint then return nil, "no endpoint URI for " .. name end
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
  local ok, err = authenticate(opts, endpoint, auth, body, headers)
  if not ok then return nil, err end
  if opts.pass_cookies then
    for cookie in opts.pass_cookies:gmatch("%S+") do
      local v = ngx.var["cookie_" .. cookie]
      if v then headers["Cookie"] = (headers["Cookie"] and headers["Cookie"] .. "; " or "") .. cookie .. "=" .. v end
    end
  end
  local res
  res, err = M.request(opts, endpoint, { method = "POST", body = ngx.encode_args(body), headers = headers })
  if not res then
    err = "accessing " .. name .. " endpoint (" .. endpoint .. ") failed: " .. tostring(err)
    ngx.log(ERR, "openidc: ", err)
    return nil, err
  end
  ngx.log(DEBUG, "openidc: ", name, " endpoint answers ", res.status)
  return json_of(res, ignore_body)
end

-- userinfo(opts, access token)
function M.userinfo(opts, token)
  local endpoint = opts.discovery and opts.discovery.userinfo_endpoint
  if not endpoint then return nil, nil end
  local res, err = M.request(opts, endpoint, { method = "GET", headers = { ["Authorization"] = "Bearer " .. tostring(token) } })
  if not res then return nil, "accessing (" .. endpoint .. ") failed: " .. tostring(err) end
  return json_of(res)
end

return M
