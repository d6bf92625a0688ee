-- pgmoon: PostgreSQL's protocol over ngx.socket.tcp.
local wire = require "gibbon.postgres.wire"
local auth = require "gibbon.postgres.auth"
local arrays = require "pgmoon.arrays"
local type, tostring, tonumber, error, pcall, getmetatable, setmetatable, select, pairs = type, tostring, tonumber, error, pcall, getmetatable, setmetatable,
  select, pairs

local VERSION = "1.16.0"

local Postgres = { NULL = { "NULL" }, convert_null = false }
Postgres.__index = Postgres

-- ---- types: what a column's text becomes, by the OID of its type ----

local function decode_bytea(_, v)
  if v:sub(1, 2) == "\\x" then
    return (v:sub(3):gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
  end
  return (v:gsub("\\(\\?)(%d?%d?%d?)", function(slash, octal) return slash ~= "" and "\\" .. octal or string.char(tonumber(octal, 8) or 92) end))
end

Postgres.type_deserializers = {
  json = function(_, v) return require("pgmoon.json").decode_json(v) end,
  bytea = decode_bytea,
  boolean = function(_, v) return v == "t" end,
  number = function(_, v) return tonumber(v) end,
  array_boolean = function(self, v) return arrays.decode_array(v, function(e) return e == "t" end, self) end,
  array_number = function(self, v) return arrays.decode_array(v, tonumber, self) end,
  array_string = function(self, v) return arrays.decode_array(v, nil, self) end,
  array_json = function(self, v) return arrays.decode_array(v, require("pgmoon.json").decode_json, self) end,
  hstore = function(_, v) return require("pgmoon.hstore").decode_hstore(v) end,
}

Postgres.PG_TYPES = { [16] = "boolean", [17] = "bytea", [20] = "number", [21] = "number", [23] = "number", [700] = "number", [701] = "number",
  [1700] = "number", [114] = "json", [3802] = "json", [1000] = "array_boolean", [1005] = "array_number", [1007] = "array_number",
  [1016] = "array_number", [1021] = "array_number", [1022] = "array_number", [1231] = "array_number", [1002] = "array_string",
  [1009] = "array_string", [1014] = "array_string", [1015] = "array_string", [2951] = "array_string", [199] = "array_json", [3807] = "array_json" }

-- set_type_deserializer(oid, name, fn): values of the type oid go through fn(pg, text), or the deserializer called name.
function Postgres:set_type_deserializer(oid, name, fn)
  if not rawget(self, "PG_TYPES") then self.PG_TYPES = setmetatable({}, { __index = Postgres.PG_TYPES }) end
  self.PG_TYPES[assert(tonumber(oid), "oid must be a number")] = name
  if fn then
    if not rawget(self, "type_deserializers") then self.type_deserializers = setmetatable({}, { __index = Postgres.type_deserializers }) end
    self.type_deserializers[name] = fn
  end
end

function Postgres:set_type_oid(oid, name) return self:set_type_deserializer(oid, name) end

-- ---- connecting ----

-- new(options): database, host, port, user, password, ssl, ssl_verify, ssl_required, pool, pool_size, backlog, application_name, convert_null.
function Postgres.new(options)
  local o = {}
  for k, v in pairs(options or {}) do o[k] = v end
  o.host, o.port, o.user = o.host or "127.0.0.1", tostring(o.port or "5432"), o.user or "postgres"
  o.application_name = o.application_name or "pgmoon"
  if o.socket_type ~= nil and o.socket_type ~= "nginx" and o.socket_type ~= "luasocket" then
    error("unknown socket type: " .. tostring(o.socket_type), 2)
  end
  local self = setmetatable({ config = o, sock = assert(ngx.socket.tcp()), sock_type = "nginx" }, Postgres)
  self.database, self.host, self.port, self.user, self.password = o.database, o.host, o.port, o.user, o.password -- as older versions had them
  if o.convert_null ~= nil then self.convert_null = o.convert_null end
  return self
end

function Postgres:settimeout(...) return self.sock:settimeout(...) end
function Postgres:settimeouts(...) return self.sock:settimeouts(...) end
function Postgres:getreusedtimes() return self.sock:getreusedtimes() end

local function broken(self, err)
  self.sock:close()
  return nil, err
end

local function settle(self, ok, ...)
  if ok then return ... end
  local err = ...
  if err ~= wire.MALFORMED then error(err, 0) end
  return broken(self, "malformed message of the server")
end

-- guarded(f) is f whose reading of a malformed message is a result.
local function guarded(f)
  return function(self, ...) return settle(self, pcall(f, self, ...)) end
end

-- receive(self): kind and body of a message; nil, text.
local function receive(self)
  local kind, err = self.sock:receive(1)
  if not kind then return nil, err end
  local head
  head, err = self.sock:receive(4)
  if not head then return nil, err end
  local size = wire.get4(head, 1) - 4
  if size < 0 or size > 0x3fffffff then return nil, "malformed message of the server" end
  local body
  body, err = self.sock:receive(size)
  if not body then return nil, err end
  return kind, body
end

-- parse_error(body): a text for people, and the fields.
function Postgres:parse_error(body)
  local f = wire.fields(body)
  local text = tostring(f.severity) .. ": " .. tostring(f.message)
  if f.position then text = text .. " (" .. f.position .. ")" end
  if f.detail then text = text .. "\n" .. f.detail end
  return text, f
end

local function secure(self)
  local sock, o = self.sock, self.config
  local ok, err = sock:send(wire.message(nil, wire.int4(80877103)))
  if not ok then return nil, err end
  local answer
  answer, err = sock:receive(1)
  if not answer then return nil, err end
  if answer == "S" then
    return sock:sslhandshake(false, o.ssl_server_name, o.ssl_verify)
  elseif answer == "N" or answer == "E" then
    if answer == "E" or o.ssl_required then return nil, "the server does not support SSL connections" end
    return true
  end
  return nil, "unexpected answer of the server to the request for SSL"
end

local function send_password(self, text)
  return self.sock:send(wire.message("p", text, "\0"))
end

-- prove answers the server's demand for a password; state is that of an exchange of several messages.
local function prove(self, body, state)
  local kind, at = wire.get4(body, 1)
  local o = self.config
  if kind == 0 then
    if state.scram and not state.known then return nil, "the server did not show that it knows the password" end
    return true
  end
  if not o.password then return nil, "missing password, required for connect" end
  if kind == 3 then
    return send_password(self, o.password)
  elseif kind == 5 then
    return send_password(self, auth.md5(o.user, o.password, body:sub(at, at + 3)))
  elseif kind == 10 then
    if not body:find("SCRAM-SHA-256\0", at, true) then return nil, "unsupported SASL mechanism(s): " .. body:sub(at):gsub("%z+$", ""):gsub("%z", ", ") end
    local first
    state.scram, first = auth.begin()
    return self.sock:send(wire.message("p", "SCRAM-SHA-256\0", wire.int4(#first), first))
  elseif kind == 11 and state.scram then
    local final, err = auth.continue(state.scram, o.password, body:sub(at))
    if not final then return nil, err end
    return self.sock:send(wire.message("p", final))
  elseif kind == 12 and state.scram then
    state.known = auth.finish(state.scram, body:sub(at))
    if not state.known then return nil, "the server does not know the password" end
    return true
  end
  return nil, "don't know how to auth, auth_type: " .. kind
end

local function log_in(self)
  local o = self.config
  if o.ssl or o.ssl_required then
    local ok, err = secure(self)
    if not ok then return broken(self, err) end
  end
  local words = { "user", o.user, "application_name", o.application_name }
  if o.database then words[5], words[6] = "database", o.database end
  local ok, err = self.sock:send(wire.startup(words))
  if not ok then return broken(self, err) end
  local state = {}
  while true do
    local kind, body = receive(self)
    if not kind then return broken(self, body) end
    if kind == "R" then
      ok, err = prove(self, body, state)
      if not ok then return broken(self, err) end
    elseif kind == "E" then
      return broken(self, (self:parse_error(body)))
    elseif kind == "Z" then
      return true
    elseif kind == "S" then
      local name, at = wire.cstring(body, 1)
      self.server_parameters[name] = wire.cstring(body, at)
    end
  end
end
log_in = guarded(log_in)

function Postgres:connect()
  local o, ok, err = self.config, nil, nil
  self.server_parameters = {}
  local options = { pool = o.pool or table.concat({ o.host, o.port, o.database or "", o.user, o.ssl and "tls" or "" }, ":"), pool_size = o.pool_size,
    backlog = o.backlog }
  if o.host:sub(1, 1) == "/" then
    ok, err = self.sock:connect("unix:" .. o.host .. "/.s.PGSQL." .. o.port, options)
  elseif o.host:sub(1, 5) == "unix:" then
    ok, err = self.sock:connect(o.host, options)
  else
    ok, err = self.sock:connect(o.host, o.port, options)
  end
  if not ok then return nil, err end
  if self.sock:getreusedtimes() > 0 then return true end
  return log_in(self)
end

function Postgres:disconnect()
  self.sock:send(wire.message("X"))
  return self.sock:close()
end

function Postgres:keepalive(...) return self.sock:setkeepalive(...) end

-- ---- queries ----

local function decoder(self)
  local types, functions = self.PG_TYPES, self.type_deserializers
  return function(oid, text)
    local name = types[oid]
    local f = name and functions[name]
    if f then return f(self, text) end
    return text
  end
end

-- finish(columns, rows, tag) is the result of one statement: rows, {affected_rows = n}, both in one, or true.
local function finish(columns, rows, tag)
  local word = tag:match("^%u+")
  local n = tag:match("(%d+)$")
  if not columns then return n and { affected_rows = tonumber(n) } or true end
  if n and word ~= "SELECT" and word ~= "FETCH" and word ~= "SHOW" then rows.affected_rows = tonumber(n) end
  return rows
end

local function note_async(self, got, kind, body)
  if kind == "A" then
    got.notifications = got.notifications or {}
    got.notifications[#got.notifications + 1] = wire.notification(body)
  elseif kind == "N" then
    got.notices = got.notices or {}
    got.notices[#got.notices + 1] = (self:parse_error(body))
  elseif kind == "S" and self.server_parameters then
    local name, at = wire.cstring(body, 1)
    self.server_parameters[name] = wire.cstring(body, at)
  end
end

-- collect reads up to ReadyForQuery: result, number of results, notifications, notices; nil, text, what came before the error, …
local function collect(self)
  local got, results, count, columns, rows, failure = {}, {}, 0, nil, nil, nil
  local decode = decoder(self)
  local null
  if self.convert_null then null = self.NULL end
  while true do
    local kind, body = receive(self)
    if not kind then return broken(self, failure and failure[1] or "receive_message: failed to get type: " .. body) end
    if kind == "T" then
      columns, rows = wire.columns(body), {}
    elseif kind == "D" then
      if not columns then error(wire.MALFORMED, 0) end
      rows[#rows + 1] = wire.row(body, columns, decode, null)
    elseif kind == "C" then
      count = count + 1
      results[count] = finish(columns, rows, wire.cstring(body, 1))
      columns = nil
    elseif kind == "E" then
      failure = { self:parse_error(body) }
    elseif kind == "G" then -- COPY FROM STDIN has nothing to send here
      local ok, err = self.sock:send(wire.message("f", "COPY is not supported by this client\0"))
      if not ok then return broken(self, err) end
    elseif kind == "Z" then
      break
    else
      note_async(self, got, kind, body)
    end
  end
  local result = results
  if count == 1 then result = results[1] end
  if failure then
    self.last_error = failure[2]
    return nil, failure[1], count > 0 and result or nil, count, got.notifications, got.notices
  end
  if count == 0 then result = true end
  return result, count, got.notifications, got.notices
end
collect = guarded(collect)

function Postgres:simple_query(q)
  if q:find("\0", 1, true) then return nil, "invalid null byte in query" end
  local ok, err = self.sock:send(wire.message("Q", q, "\0"))
  if not ok then return nil, err end
  return collect(self)
end

-- parameter(self, v): OID (0 = the server infers) and text of a value, false for NULL.
local function parameter(self, v)
  local t = type(v)
  if v == self.NULL or v == nil or v == ngx.null then return 0, false end
  if t == "number" then return 1700, tostring(v) end
  if t == "boolean" then return 16, v and "t" or "f" end
  if t == "string" then return 0, v end
  local mt = t == "table" and getmetatable(v)
  if mt and mt.pgmoon_serialize then
    local oid, text = mt.pgmoon_serialize(v, self)
    if not oid then error(text, 0) end
    return oid, text
  end
  error("don't know how to serialize a value of type " .. t, 0)
end

function Postgres:extended_query(q, ...)
  local oids, values = {}, {}
  for i = 1, select("#", ...) do
    local ok, oid, text = pcall(parameter, self, (select(i, ...)))
    if not ok then return nil, "pgmoon: param " .. i .. ": " .. tostring(oid) end
    oids[i], values[i] = oid, text
  end
  if q:find("\0", 1, true) then return nil, "invalid null byte in query" end
  local ok, err = self.sock:send({ wire.parse(q, oids), wire.bind(values), wire.message("D", "P\0"), wire.message("E", "\0", wire.int4(0)), wire.message("S") })
  if not ok then return nil, err end
  return collect(self)
end

-- query(q, ...): with parameters ($1 …) by the extended protocol.
function Postgres:query(q, ...)
  if select("#", ...) == 0 then return self:simple_query(q) end
  return self:extended_query(q, ...)
end

local function wait_for_notification(self)
  while true do
    local kind, body = receive(self)
    if not kind then return nil, body end
    if kind == "A" then return wire.notification(body) end
  end
end
Postgres.wait_for_notification = guarded(wait_for_notification)

-- wait_until_ready reads on to the end of a query whose result was not.
local function wait_until_ready(self)
  while true do
    local kind, body = receive(self)
    if not kind then return nil, body end
    if kind == "Z" then return true end
  end
end
Postgres.wait_until_ready = guarded(wait_until_ready)

function Postgres:setup_hstore()
  local res, err = self:query("SELECT oid FROM pg_type WHERE typname = 'hstore'")
  if not res then return nil, err end
  if not res[1] then return nil, "hstore oid not found" end
  self:set_type_deserializer(tonumber(res[1].oid), "hstore")
  return true
end

-- ---- text of queries ----

function Postgres:escape_identifier(name) return '"' .. tostring(name):gsub('"', '""') .. '"' end

function Postgres:escape_literal(v)
  local t = type(v)
  if t == "number" then return tostring(v) end
  if t == "string" then return "'" .. v:gsub("'", "''") .. "'" end
  if t == "boolean" then return v and "TRUE" or "FALSE" end
  if v == ngx.null or v == Postgres.NULL or (self and v == self.NULL) then return "NULL" end
  error("don't know how to escape value: " .. tostring(v), 2)
end

function Postgres:encode_bytea(s)
  return "'\\x" .. s:gsub(".", function(c) return ("%02x"):format(c:byte()) end) .. "'"
end
function Postgres:decode_bytea(s) return decode_bytea(self, s) end

function Postgres:__tostring() return "<Postgres socket: " .. tostring(self.sock) .. ">" end

return { new = Postgres.new, Postgres = Postgres, VERSION = VERSION }
