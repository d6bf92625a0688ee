-- resty.redis: Redis' protocol over ngx.socket.tcp.
local type, tostring, tonumber, setmetatable, select, pairs, ipairs, concat, rawget, error = type, tostring, tonumber, setmetatable, select, pairs,
  ipairs, table.concat, rawget, error

local M = { _VERSION = "0.30" }
local mt = { __index = M }

function M.new(_)
  local sock, err = ngx.socket.tcp()
  if not sock then return nil, err end
  return setmetatable({ _sock = sock, _subscribed = false }, mt)
end

-- register_module_prefix makes red:prefix():command(...) the command prefix.command.
function M.register_module_prefix(prefix)
  M[prefix] = function(self)
    self._module_prefix = prefix
    return self
  end
end

local function over(name)
  return function(self, ...)
    local sock = rawget(self, "_sock")
    if not sock then error("not initialized", 2) end
    return sock[name](sock, ...)
  end
end

M.set_timeout, M.set_timeouts = over "settimeout", over "settimeouts"

function M:connect(host, port, options)
  local sock = rawget(self, "_sock")
  if not sock then return nil, "not initialized" end
  self._subscribed = false
  local ok, err
  local unix = type(host) == "string" and host:sub(1, 5) == "unix:"
  if unix then
    if type(port) == "table" then options = port end
    ok, err = sock:connect(host, options)
  else
    ok, err = sock:connect(host, port, options)
  end
  if not ok then return ok, err end
  if options and options.ssl and sock:getreusedtimes() == 0 then
    local session
    session, err = sock:sslhandshake(false, options.server_name, options.ssl_verify)
    if not session then return nil, "failed to do ssl handshake: " .. err end
  end
  return ok
end

function M:set_keepalive(...)
  local sock = rawget(self, "_sock")
  if not sock then return nil, "not initialized" end
  if rawget(self, "_subscribed") then return nil, "subscribed state" end
  return sock:setkeepalive(...)
end

function M:get_reused_times()
  local sock = rawget(self, "_sock")
  if not sock then return nil, "not initialized" end
  return sock:getreusedtimes()
end

function M:close()
  local sock = rawget(self, "_sock")
  if not sock then return nil, "not initialized" end
  self._subscribed = false
  return sock:close()
end

-- read_reply reads one reply. An error reply is false and its text.
local function read_reply(self, sock, depth)
  local line, err = sock:receive()
  if not line then
    if err == "timeout" and not rawget(self, "_subscribed") then sock:close() end
    return nil, err
  end
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "$" then
    local size = tonumber(rest)
    if not size then return nil, "bad bulk length" end
    if size < 0 then return ngx.null end
    local data
    data, err = sock:receive(size)
    if not data then
      if err == "timeout" then sock:close() end
      return nil, err
    end
    local crlf
    crlf, err = sock:receive(2)
    if not crlf then return nil, err end
    return data
  elseif kind == "+" then
    return rest
  elseif kind == "*" then
    local n = tonumber(rest)
    if not n then return nil, "bad array length" end
    if n < 0 then return ngx.null end
    if depth > 64 then return nil, "too deep a reply" end
    local values = {}
    for i = 1, n do
      local value, why = read_reply(self, sock, depth + 1)
      if value then values[i] = value
      elseif value == nil then return nil, why
      else values[i] = { false, why } end
    end
    return values
  elseif kind == ":" then
    return tonumber(rest)
  elseif kind == "-" then
    return false, rest
  end
  return nil, "unknown prefix: \"" .. tostring(kind) .. "\""
end

local function encode(...)
  local n = select("#", ...)
  local out = { "*", n, "\r\n" }
  for i = 1, n do
    local v = tostring((select(i, ...)))
    out[#out + 1] = "$" .. #v .. "\r\n"
    out[#out + 1] = v
    out[#out + 1] = "\r\n"
  end
  return concat(out)
end

local SUBSCRIBES = { subscribe = true, psubscribe = true }
local UNSUBSCRIBES = { unsubscribe = true, punsubscribe = true }

-- note follows the state that a reply to a (un)subscribe command tells: its third element counts the channels.
local function note(self, reply)
  if type(reply) == "table" and type(reply[3]) == "number" then self._subscribed = reply[3] > 0 end
end

local function command(self, name, ...)
  local sock = rawget(self, "_sock")
  if not sock then return nil, "not initialized" end
  local subscribing = SUBSCRIBES[name]
  if rawget(self, "_subscribed") and not subscribing and not UNSUBSCRIBES[name] then
    return nil, "subscribed state"
  end
  local prefix = rawget(self, "_module_prefix")
  local request
  if prefix then
    self._module_prefix = nil
    request = encode(prefix .. "." .. name, ...)
  else
    request = encode(name, ...)
  end
  local pending = rawget(self, "_reqs")
  if pending then
    pending[#pending + 1] = request
    return
  end
  local bytes, err = sock:send(request)
  if not bytes then return nil, err end
  if subscribing or UNSUBSCRIBES[name] then
    local reply, why = read_reply(self, sock, 0)
    if not reply then return reply, why end
    note(self, reply)
    local more = select("#", ...)
    if more <= 1 then return reply end
    local replies = { reply }
    for i = 2, more do
      local r, e = read_reply(self, sock, 0)
      if not r then return nil, e end
      note(self, r)
      replies[i] = r
    end
    return replies
  end
  return read_reply(self, sock, 0)
end

for _, name in ipairs { "get", "set", "mget", "mset", "del", "incr", "decr", "llen", "lindex", "lpop", "lpush", "lrange", "linsert", "hexists", "hget",
  "hset", "hmget", "hdel", "hgetall", "smembers", "sismember", "sadd", "srem", "sdiff", "sinter", "sunion", "zrange", "zrangebyscore", "zrank", "zadd",
  "zrem", "zincrby", "auth", "eval", "expire", "script", "sort", "select", "multi", "exec", "discard", "subscribe", "psubscribe", "unsubscribe",
  "punsubscribe" } do
  M[name] = function(self, ...) return command(self, name, ...) end
end

function M:hmset(key, ...)
  local first = ...
  if type(first) ~= "table" then return command(self, "hmset", key, ...) end
  local args, n = {}, 0
  for k, v in pairs(first) do
    args[n + 1], args[n + 2] = k, v
    n = n + 2
  end
  return command(self, "hmset", key, unpack(args, 1, n))
end

function M:read_reply()
  local sock = rawget(self, "_sock")
  if not sock then return nil, "not initialized" end
  if not rawget(self, "_subscribed") then return nil, "not subscribed" end
  local reply, err = read_reply(self, sock, 0)
  if type(reply) == "table" and UNSUBSCRIBES[reply[1]] then note(self, reply) end
  return reply, err
end

function M:init_pipeline() self._reqs = {} end
function M:cancel_pipeline() self._reqs = nil end

function M:commit_pipeline()
  local pending = rawget(self, "_reqs")
  if not pending then return nil, "no pipeline" end
  self._reqs = nil
  local sock = rawget(self, "_sock")
  if not sock then return nil, "not initialized" end
  local bytes, err = sock:send(concat(pending))
  if not bytes then return nil, err end
  local replies = {}
  for i = 1, #pending do
    local reply, why = read_reply(self, sock, 0)
    if reply then replies[i] = reply
    elseif reply == nil then
      if why == "timeout" then sock:close() end
      return nil, why
    else replies[i] = { false, why } end
  end
  return replies
end

function M.array_to_hash(_, t)
  local out = {}
  for i = 1, #t, 2 do out[t[i]] = t[i + 1] end
  return out
end

function M.add_commands(...)
  for i = 1, select("#", ...) do
    local name = (select(i, ...))
    M[name] = function(self, ...) return command(self, name, ...) end
  end
end

-- Any other name is a command.
setmetatable(M, { __index = function(_, name)
  local function f(self, ...) return command(self, name, ...) end
  M[name] = f
  return f
end })

return M
