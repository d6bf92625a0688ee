-- resty.redis.connector: connections to Redis by URL, by parameters, through sentinels.
local redis = require "resty.redis"

local M = { _VERSION = "0.11" }
local mt = { __index = M }

local DEFAULTS = { connect_timeout = 100, read_timeout = 1000, connection_options = {}, keepalive_timeout = 60000, keepalive_poolsize = 30,
  host = "127.0.0.1", port = 6379, path = "", username = "", password = "", sentinel_username = "", sentinel_password = "", db = 0,
  url = "", master_name = "mymaster", role = "master", sentinels = {}, connection_is_proxied = false, disabled_commands = {} }

local function merged(over, base)
  local out = {}
  for k, v in pairs(base) do out[k] = v end
  for k, v in pairs(over or {}) do
    if DEFAULTS[k] == nil then return nil, "field " .. tostring(k) .. " does not exist" end
    out[k] = v
  end
  return out
end

-- new(config): nil, text for a field that is none.
function M.new(config)
  local all, err = merged(config, DEFAULTS)
  if not all then return nil, err end
  return setmetatable({ config = all }, mt)
end

-- parse_dsn fills params from their url: redis://user:password@host:port/db, sentinel://user:password@master:role/db.
function M.parse_dsn(params)
  local url = params.url
  if not url or url == "" then return true end
  local scheme, rest = url:match("^(%a+)://(.*)$")
  if scheme ~= "redis" and scheme ~= "sentinel" and scheme ~= "rediss" then return nil, "could not parse DSN: " .. (url:match("^%a*:") or "no scheme") end
  local auth, place = rest:match("^(.*)@([^@]*)$")
  place = place or rest
  local name, second, db = place:match("^([^:/]+):?([^/]*)/?(.*)$")
  if not name then return nil, "could not parse DSN: no host" end
  if auth then
    local user, password = auth:match("^([^:]*):(.*)$")
    if user and user ~= "" then params.username = user end
    params.password = password or auth
  end
  if scheme == "sentinel" then
    params.master_name = name
    params.role = second == "s" and "slave" or second == "a" and "any" or "master"
  else
    params.host, params.port = name, tonumber(second) or 6379
    if scheme == "rediss" then
      local o = {}
      for k, v in pairs(params.connection_options) do o[k] = v end
      o.ssl = true
      params.connection_options = o
    end
  end
  if db ~= "" then params.db = tonumber(db) or params.db end
  return true
end

local function connect_to_host(self, host, username, password, db)
  local c = self.config
  local r = redis:new()
  r:set_timeouts(c.connect_timeout, c.read_timeout, c.read_timeout)
  local ok, err
  if host.path and host.path ~= "" then
    ok, err = r:connect(host.path:sub(1, 5) == "unix:" and host.path or "unix:" .. host.path, c.connection_options)
  else
    ok, err = r:connect(host.host, host.port, c.connection_options)
  end
  if not ok then return nil, err end
  if r:get_reused_times() == 0 and password and password ~= "" then
    if username and username ~= "" then ok, err = r:auth(username, password) else ok, err = r:auth(password) end
    if not ok then return nil, err end
  end
  if not c.connection_is_proxied and db and tonumber(db) ~= 0 then
    ok, err = r:select(db)
    if not ok then return nil, err end
  end
  return r
end

-- connect_to_host(host): host is {host, port} or {path}.
function M:connect_to_host(host)
  local c = self.config
  return connect_to_host(self, host, c.username, c.password, host.db or c.db)
end

local function by_sentinels(self, params)
  local errors = {}
  for i, s in ipairs(params.sentinels) do
    local r, err = connect_to_host(self, s, params.sentinel_username, params.sentinel_password)
    if r then
      local address
      address, err = r:sentinel("get-master-addr-by-name", params.master_name)
      if params.role ~= "master" and address and address ~= ngx.null then
        local list = r:sentinel("replicas", params.master_name)
        if type(list) ~= "table" or #list == 0 then list = r:sentinel("slaves", params.master_name) end
        local one = type(list) == "table" and list[1] and r:array_to_hash(list[math.random(#list)])
        if one then
          address = { one.ip, one.port }
        elseif params.role == "slave" then
          address, err = nil, "no replicas"
        end
      end
      r:set_keepalive(params.keepalive_timeout, params.keepalive_poolsize)
      if type(address) == "table" then
        local found
        found, err = connect_to_host(self, { host = address[1], port = tonumber(address[2]) }, params.username, params.password, params.db)
        if found then return found end
      elseif not err then
        err = "invalid master name"
      end
    end
    errors[i] = tostring(err)
  end
  return nil, "no hosts available: " .. table.concat(errors, ", "), errors
end

-- connect(params): a resty.redis connection; nil, text, texts of each host.
function M:connect(params)
  local p, err = merged(params, self.config)
  if not p then return nil, err end
  local ok
  ok, err = M.parse_dsn(p)
  if not ok then return nil, err end
  local own = setmetatable({ config = p }, mt)
  if #p.sentinels > 0 then return by_sentinels(own, p) end
  return connect_to_host(own, p, p.username, p.password, p.db)
end

function M:set_keepalive(r)
  local c = self.config
  if not c.connection_is_proxied then r:discard() end
  return r:set_keepalive(c.keepalive_timeout, c.keepalive_poolsize)
end

function M.connector(...) return M.new(...) end

return M
