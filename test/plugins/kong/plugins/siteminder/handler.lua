-- Sessions by cookie, kept in two levels of cache.
local mlcache = require "resty.mlcache"
local http = require "resty.http"

local P = { PRIORITY = 998, VERSION = "1.0.0" }
local cache

function P:init_worker()
  cache = assert(mlcache.new("sessions", "kong_db_cache", { lru_size = 100, ttl = 30, neg_ttl = 1, shm_locks = "kong_locks" }))
end

local function ask(conf, id)
  local res, err = http.new():request_uri(conf.endpoint, { headers = { Cookie = "SMSESSION=" .. id } })
  if not res then return nil, err end
  if res.status ~= 200 then return nil end
  return res.headers["X-User"]
end

function P:access(conf)
  local id = ngx.var.cookie_SMSESSION
  if not id then return kong.response.exit(401, { message = "log in" }) end
  local user, err = cache:get(id, nil, ask, conf, id)
  if err then return kong.response.exit(500, { message = err }) end
  if not user then return kong.response.exit(401, { message = "unknown session" }) end
  kong.service.request.set_header("X-User", user)
end

return P
