-- Settings of sessions: those of lua-resty-session 4 (flat), those of 3 (nested, and $session_* variables), and what holds without any.
-- of(given, defaults) gives one table that session.lua reads.
local pairs, type, tonumber, pcall, ngx = pairs, type, tonumber, pcall, ngx

local M = {}

-- names that only callers of version 3 use
local OLD = { "name", "cookie", "strategy", "cipher", "hmac", "check", "serializer", "compressor", "identifier", "encoder", "random", "memcache", "keys" }

-- is_old: is it version 3's way to call?
function M.is_old(given)
  if type(given) ~= "table" then return false end
  for _, name in pairs(OLD) do
    if given[name] ~= nil then return true end
  end
  return type(given.shm) == "table" and given.shm.store ~= nil
end

local DEFAULTS = {
  cookie_name = "session", cookie_path = "/", cookie_http_only = true, cookie_same_site = "Lax", remember = false, remember_cookie_name = "remember",
  audience = "default", enforce_same_subject = false, stale_ttl = 10, idling_timeout = 900, rolling_timeout = 3600, absolute_timeout = 86400,
  remember_rolling_timeout = 604800, remember_absolute_timeout = 2592000, touch_threshold = 60, compression_threshold = 1024, storage = "cookie",
}
-- version 3: a session lives lifetime seconds from its last save and is renewed in the last renew seconds
local OLD_DEFAULTS = { idling_timeout = 0, absolute_timeout = 0, rolling_timeout = 3600, renew = 600, touch_threshold = 0, stale_ttl = 10 }

local function boolean(v) return v == true or v == 1 or v == "1" or v == "on" or v == "true" or v == "yes" end
M.boolean = boolean

-- variables are the settings of version 3 that nginx.conf may have set.
local function variables()
  local ok, var = pcall(function() return ngx.var.scheme and ngx.var end)
  if not ok or not var then return nil end
  local out = {}
  for to, from in pairs { cookie_name = "name", secret = "secret", storage = "storage", rolling_timeout = "cookie_lifetime", renew = "cookie_renew",
    idling_timeout = "cookie_idletime", cookie_persistent = "cookie_persistent", cookie_same_site = "cookie_samesite", cookie_secure = "cookie_secure",
    cookie_http_only = "cookie_httponly", cookie_domain = "cookie_domain", cookie_path = "cookie_path" } do
    local v = var["session_" .. from]
    if v and v ~= "" then
      if to:find("_timeout", 1, true) or to == "renew" then v = tonumber(v) end
      if to == "cookie_persistent" or to == "cookie_secure" or to == "cookie_http_only" then v = boolean(v) end
      out[to] = v
    end
  end
  if out.storage == "redis" then
    out.redis = { host = var.session_redis_host, port = tonumber(var.session_redis_port), auth = var.session_redis_auth, prefix = var.session_redis_prefix }
  elseif out.storage == "shm" then
    out.shm = { store = var.session_shm_store }
  end
  return out
end

local COOKIE = { persistent = "cookie_persistent", lifetime = "rolling_timeout", idletime = "idling_timeout", renew = "renew", discard = "stale_ttl", path = "cookie_path",
  domain = "cookie_domain", samesite = "cookie_same_site", secure = "cookie_secure", httponly = "cookie_http_only" }

local function merge(out, from, old)
  if type(from) ~= "table" then return end
  for k, v in pairs(from) do
    if k == "name" and old then out.cookie_name = v
    elseif k == "cookie" and type(v) == "table" then
      for name, value in pairs(v) do
        if COOKIE[name] then out[COOKIE[name]] = value end
      end
    else
      out[k] = v
    end
  end
end

function M.of(given, defaults)
  local old = M.is_old(given) or (given == nil and M.is_old(defaults))
  local out = { old = old }
  merge(out, DEFAULTS)
  if old then merge(out, OLD_DEFAULTS) end
  merge(out, variables())
  merge(out, defaults, old)
  merge(out, given, old)
  for _, name in pairs { "rolling_timeout", "idling_timeout", "absolute_timeout", "renew", "stale_ttl", "touch_threshold", "compression_threshold", "remember_rolling_timeout",
    "remember_absolute_timeout" } do
    out[name] = tonumber(out[name]) or 0
  end
  local prefix = out.cookie_prefix
  if prefix == "__Host-" then out.cookie_path, out.cookie_domain, out.cookie_secure = "/", nil, true
  elseif prefix == "__Secure-" then out.cookie_secure = true end
  out.cookie_name = (prefix or "") .. out.cookie_name
  out.remember_cookie_name = (prefix or "") .. out.remember_cookie_name
  return out
end

local random_secret

-- secrets(config, own) are the texts to derive keys from, the first for writing. Without any, one is made for all workers: sessions then
-- end with the gateway.
function M.secrets(config, own)
  local first = own or config.secret or config.ikm
  if not first then
    if not random_secret then
      local dict = ngx.shared.kong
      random_secret = require("resty.random").bytes(32)
      if dict and not dict:add("gibbon:session secret", random_secret) then random_secret = dict:get("gibbon:session secret") or random_secret end
    end
    first = random_secret
  end
  local all = { first }
  for _, list in pairs { config.secret_fallbacks or {}, config.ikm_fallbacks or {} } do
    for _, one in ipairs(list) do all[#all + 1] = one end
  end
  return all
end

return M
