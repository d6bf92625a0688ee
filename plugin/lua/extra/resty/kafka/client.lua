-- resty.kafka.client: which broker leads which partition of a topic, and requests to it.
local wire = require "gibbon.kafka.wire"
local type, pcall, error, pairs, ipairs, setmetatable, tostring = type, pcall, error, pairs, ipairs, setmetatable, tostring

local M = { _VERSION = "0.20" }
local mt = { __index = M }
local MAX_RESPONSE = 16 * 1024 * 1024

-- new(broker_list, config): {host, port, sasl_config = {mechanism, user, password}} …
function M.new(_, broker_list, config)
  local o = config or {}
  if type(broker_list) ~= "table" or not broker_list[1] then error("a list of brokers is needed", 2) end
  return setmetatable({ seeds = broker_list, brokers = {}, topics = {}, id = 0, timeout = o.socket_timeout or 3000, keepalive = o.keepalive_timeout or 600000,
    pool = o.keepalive_size or 2, ssl = o.ssl, verify = o.ssl_verify, refresh_interval = (o.refresh_interval or 0) / 1000, fetched = 0,
    sasl = broker_list[1].sasl_config or o.sasl_config }, mt)
end

local function receive(sock)
  local head, err = sock:receive(4)
  if not head then return nil, err end
  local size = wire.get4(head, 1)
  if size < 4 or size > MAX_RESPONSE then return nil, "response of " .. size .. " bytes" end
  return sock:receive(size)
end

local function exchange(self, sock, api, version, body)
  self.id = (self.id + 1) % 1073741824
  local id = self.id
  local ok, err = sock:send(wire.request(api, version, id, body))
  if not ok then return nil, err end
  local s
  s, err = receive(sock)
  if not s then return nil, err end
  if wire.get4(s, 1) ~= id then return nil, "the response is to another request" end
  return s
end

local function text(code) return (wire.ERRORS[code] or { "error " .. code })[1] end

local function authenticate(self, sock)
  local sasl = self.sasl
  local mechanism = sasl.mechanism or "PLAIN"
  if mechanism ~= "PLAIN" and mechanism ~= "SCRAM-SHA-256" then return nil, "SASL mechanism " .. tostring(mechanism) .. " is not supported" end
  local s, err = exchange(self, sock, wire.SASL_HANDSHAKE, 1, wire.str(mechanism))
  if not s then return nil, err end
  local code = wire.get2(s, 5)
  if code ~= 0 then return nil, text(code) end
  local function step(bytes)
    s, err = exchange(self, sock, wire.SASL_AUTHENTICATE, 0, wire.int4(#bytes) .. bytes)
    if not s then return nil, err end
    local at
    code, at = wire.get2(s, 5)
    local n
    n, at = wire.get2(s, at) -- a text for people
    if n > 0 then at = at + n end
    if code ~= 0 then return nil, text(code) end
    n, at = wire.get4(s, at)
    return s:sub(at, at + n - 1)
  end
  if mechanism == "PLAIN" then return step("\0" .. sasl.user .. "\0" .. sasl.password) end
  local scram = require "gibbon.postgres.auth"
  local state, first = scram.begin(nil, sasl.user)
  local challenge
  challenge, err = step(first)
  if not challenge then return nil, err end
  local final
  final, err = scram.continue(state, sasl.password, challenge)
  if not final then return nil, err end
  challenge, err = step(final)
  if not challenge then return nil, err end
  if not scram.finish(state, challenge) then return nil, "the broker does not know the password" end
  return true
end

local function connect(self, broker)
  local sock = ngx.socket.tcp()
  sock:settimeout(self.timeout)
  local ok, err = sock:connect(broker.host, broker.port, { pool = "kafka:" .. broker.host .. ":" .. broker.port .. ":" .. (self.ssl and "tls:" or "") .. (self.sasl and self.sasl.user or "") })
  if not ok then return nil, err end
  if sock:getreusedtimes() > 0 then return sock end
  if self.ssl then
    ok, err = sock:sslhandshake(false, broker.host, self.verify)
    if not ok then return nil, "failed to do SSL handshake with " .. broker.host .. ":" .. broker.port .. ": " .. tostring(err) end
  end
  if self.sasl then
    ok, err = authenticate(self, sock)
    if not ok then
      sock:close()
      return nil, "failed to do " .. (self.sasl.mechanism or "PLAIN") .. " auth with " .. broker.host .. ":" .. broker.port .. ": " .. tostring(err)
    end
  end
  return sock
end

-- ask(broker, api, version, body, answered): the response; true if none comes; nil, text.
function M:ask(broker, api, version, body, answered)
  local ok, s, err = pcall(function()
    local sock, why = connect(self, broker)
    if not sock then return nil, why end
    local response
    if answered == false then
      response, why = sock:send(wire.request(api, version, 0, body))
      response = response and true
    else
      response, why = exchange(self, sock, api, version, body)
    end
    if response then sock:setkeepalive(self.keepalive, self.pool) else sock:close() end
    return response, why
  end)
  if ok then return s, err end
  if s ~= wire.MALFORMED then error(s, 0) end
  return nil, "malformed response"
end

local function fetch(self, topics)
  local errors = {}
  local candidates = {}
  for _, b in ipairs(self.seeds) do candidates[#candidates + 1] = b end
  for _, b in pairs(self.brokers) do candidates[#candidates + 1] = b end
  for _, b in ipairs(candidates) do
    local s, err = self:ask(b, wire.METADATA, 1, wire.metadata(topics))
    if s then
      local ok, brokers, found = pcall(wire.read_metadata, s, 5)
      if ok then
        self.brokers, self.fetched = brokers, ngx.now()
        for name, t in pairs(found) do self.topics[name] = t end
        return true
      end
      err = "malformed response"
    end
    errors[#errors + 1] = b.host .. ":" .. b.port .. ": " .. tostring(err)
  end
  return nil, "all brokers failed in fetch topic metadata: " .. table.concat(errors, ", ")
end

-- topic(name, fresh): what is known of a topic; nil, text.
function M:topic(name, fresh)
  local t = self.topics[name]
  if t and not fresh and t.error == 0 and (self.refresh_interval == 0 or ngx.now() - self.fetched < self.refresh_interval) then return t end
  local ok, err = fetch(self, { name })
  if not ok then return nil, err end
  t = self.topics[name]
  if not t or t.error ~= 0 or t.count == 0 then return nil, "topic " .. name .. ": " .. (t and text(t.error) or "not found") end
  return t
end

-- fetch_metadata(topic): brokers by id, partitions by id with their leader; nil, text.
function M:fetch_metadata(topic)
  if not topic then return self.brokers, self.topics end
  local t, err = self:topic(topic)
  if not t then return nil, err end
  local partitions = { errcode = 0, num = t.count }
  for id, p in pairs(t.partitions) do partitions[id] = { id = id, leader = p.leader, errcode = p.error } end
  return self.brokers, partitions
end

function M:refresh()
  local names = {}
  for name in pairs(self.topics) do names[#names + 1] = name end
  local ok, err = fetch(self, names)
  if not ok then return nil, err end
  return self.brokers, self.topics
end

return M
