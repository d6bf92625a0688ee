-- Where sessions lie that are not in cookies: shared memory, Redis, memcached, or a table of the user's with the same methods.
--
--   set(name, key, value, ttl, now, old_key, stale_ttl, metadata, remember)   old_key lives stale_ttl seconds longer
--   get(name, key, now)                                                      nil, error if it is not there
--   delete(name, key, now, metadata)
local type, tostring, setmetatable, ngx = type, tostring, setmetatable, ngx

local M = {}

local function key_in(self, name, key) return (self.prefix and self.prefix .. ":" or "") .. name .. ":" .. key .. (self.suffix and ":" .. self.suffix or "") end

-- ---- shared memory ----

local shm = {}
shm.__index = shm

function shm:set(name, key, value, ttl, _, old, stale)
  local ok, err = self.dict:set(key_in(self, name, key), value, ttl and ttl > 0 and ttl or 0)
  if not ok then return nil, err end
  if old and old ~= key then
    if stale and stale > 0 then self.dict:expire(key_in(self, name, old), stale) else self.dict:delete(key_in(self, name, old)) end
  end
  return true
end

function shm:get(name, key)
  local v, err = self.dict:get(key_in(self, name, key))
  if v == nil then return nil, err or "session not found" end
  return v
end

function shm:delete(name, key)
  self.dict:delete(key_in(self, name, key))
  return true
end

function M.shm(o)
  local zone = o.zone or o.store or "sessions"
  local dict = ngx.shared[zone]
  if not dict then return nil, 'lua_shared_dict "' .. zone .. '" was not found: declare it, as in nginx_http_lua_shared_dict = ' .. zone .. " 10m" end
  return setmetatable({ dict = dict, prefix = o.prefix, suffix = o.suffix }, shm)
end

-- ---- Redis ----

local redis = {}
redis.__index = redis

local function redis_do(self, fn)
  local o = self.options
  local r, err = require("resty.redis"):new()
  if not r then return nil, err end
  local pool = type(o.pool) == "table" and o.pool or {}
  r:set_timeouts(o.connect_timeout or 5000, o.send_timeout or 5000, o.read_timeout or 5000)
  -- a connection of another user or database must not come out of the pool
  local own = table.concat({ "session", o.socket or o.host or "", tostring(o.port or 6379), o.username or "", tostring(o.database or 0), tostring(o.ssl) }, ":")
  local more = { pool = type(o.pool) == "string" and o.pool or pool.name or own, pool_size = o.pool_size or pool.size, backlog = o.backlog or pool.backlog,
    ssl = o.ssl, ssl_verify = o.ssl_verify or o.verify, server_name = o.server_name }
  local socket, ok = o.socket, nil
  if socket and socket ~= "" then
    ok, err = r:connect(socket:sub(1, 5) == "unix:" and socket or "unix:" .. socket, more)
  else
    ok, err = r:connect(o.host or "127.0.0.1", o.port or 6379, more)
  end
  if not ok then return nil, err end
  if r:get_reused_times() == 0 then
    local password = o.password or o.auth
    if password and password ~= "" then
      if o.username and o.username ~= "" then ok, err = r:auth(o.username, password) else ok, err = r:auth(password) end
    end
    if ok and (o.database or 0) ~= 0 then ok, err = r:select(o.database) end
    if not ok then
      r:close()
      return nil, err
    end
  end
  local v
  v, err = fn(r)
  if v == nil then
    r:close()
    return nil, err
  end
  r:set_keepalive(o.keepalive_timeout or pool.timeout or 60000, o.pool_size or pool.size)
  return v
end

function redis:set(name, key, value, ttl, _, old, stale)
  return redis_do(self, function(r)
    local ok, err
    if ttl and ttl > 0 then ok, err = r:set(key_in(self, name, key), value, "EX", math.ceil(ttl)) else ok, err = r:set(key_in(self, name, key), value) end
    if not ok then return nil, err end
    if old and old ~= key then
      if stale and stale > 0 then ok, err = r:expire(key_in(self, name, old), math.ceil(stale)) else ok, err = r:del(key_in(self, name, old)) end
      if not ok then return nil, err end
    end
    return true
  end)
end

function redis:get(name, key)
  local v, err = redis_do(self, function(r) return r:get(key_in(self, name, key)) end)
  if v == nil then return nil, err end
  if v == ngx.null then return nil, "session not found" end
  return v
end

function redis:delete(name, key)
  return redis_do(self, function(r) return r:del(key_in(self, name, key)) end)
end

function M.redis(o) return setmetatable({ options = o, prefix = o.prefix, suffix = o.suffix }, redis) end

-- ---- memcached ----

local memcached = {}
memcached.__index = memcached

local function memcached_do(self, fn)
  local o = self.options
  local m, err = require("resty.memcached"):new { key_transform = { function(k) return k end, function(k) return k end } }
  if not m then return nil, err end
  m:set_timeout(o.connect_timeout or 5000)
  local ok
  if o.socket and o.socket ~= "" then
    ok, err = m:connect(o.socket:sub(1, 5) == "unix:" and o.socket or "unix:" .. o.socket)
  else
    ok, err = m:connect(o.host or "127.0.0.1", o.port or 11211)
  end
  if not ok then return nil, err end
  local v
  v, err = fn(m)
  if v == nil and err then
    m:close()
    return nil, err
  end
  m:set_keepalive(o.keepalive_timeout or 60000, o.pool_size or 100)
  return v
end

function memcached:set(name, key, value, ttl, _, old, stale)
  return memcached_do(self, function(m)
    local ok, err = m:set(key_in(self, name, key), value, ttl and ttl > 0 and math.ceil(ttl) or 0)
    if not ok then return nil, err end
    if old and old ~= key then
      if stale and stale > 0 then m:touch(key_in(self, name, old), math.ceil(stale)) else m:delete(key_in(self, name, old)) end
    end
    return true
  end)
end

function memcached:get(name, key)
  local v, err = memcached_do(self, function(m)
    local value, _, e = m:get(key_in(self, name, key))
    return value, e
  end)
  if v == nil then return nil, err or "session not found" end
  return v
end

function memcached:delete(name, key)
  return memcached_do(self, function(m)
    m:delete(key_in(self, name, key))
    return true
  end)
end

function M.memcached(o) return setmetatable({ options = o, prefix = o.prefix, suffix = o.suffix }, memcached) end
M.memcache = M.memcached

-- of(config) gives the storage: nil for cookies; nil, error for what is not here.
function M.of(config)
  local kind = config.storage
  if kind == nil or kind == "cookie" then return nil end
  if type(kind) == "table" then
    if not kind.set or not kind.get or not kind.delete then return nil, "the storage lacks one of the methods set, get, delete" end
    return kind
  end
  local make = M[kind]
  if not make or kind == "of" then return nil, "session storage '" .. tostring(kind) .. "' is not supported; use cookie, shm, redis or memcached" end
  return make(config[kind] or (kind == "memcached" and config.memcache) or {})
end

return M
