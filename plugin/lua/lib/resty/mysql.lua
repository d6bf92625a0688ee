-- resty.mysql: MySQL's and MariaDB's protocol over ngx.socket.tcp.
local wire = require "gibbon.mysql.wire"
local auth = require "gibbon.mysql.auth"
local bit = require "bit"
local byte, sub, rep, char, floor = string.byte, string.sub, string.rep, string.char, math.floor
local concat, tonumber, tostring, type, pcall, error, setmetatable, band = table.concat, tonumber, tostring, type, pcall, error, setmetatable, bit.band

local M = { _VERSION = "0.27" }
local mt = { __index = M }

-- States of a connection, as they are told.
local CONNECTED, SENT = 1, 2

-- Capabilities (MySQL's names).
local LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, SSL, TRANSACTIONS, SECURE_CONNECTION = 0x1, 0x2, 0x4, 0x8, 0x200, 0x800, 0x2000, 0x8000
local MULTI_STATEMENTS, MULTI_RESULTS, PLUGIN_AUTH = 0x10000, 0x20000, 0x80000

local COM_QUIT, COM_QUERY = "\1", "\3"
local MORE_RESULTS = 0x8
local FULL = 0xffffff -- a packet of this size is continued by the next

function M.new()
  local sock, err = ngx.socket.tcp()
  if not sock then return nil, err end
  return setmetatable({ sock = sock }, mt)
end

local function over(name)
  return function(self, ...)
    local sock = self.sock
    if not sock then return nil, "not initialized" end
    return sock[name](sock, ...)
  end
end

M.set_timeout, M.set_timeouts, M.get_reused_times = over "settimeout", over "settimeouts", over "getreusedtimes"

function M:set_compact_arrays(value) self.compact = value end

function M:server_ver() return self._server_ver end

-- ---- packets ----

local function send_packet(self, payload)
  local out, at = {}, 1
  repeat
    local part = sub(payload, at, at + FULL - 1)
    self.packet_no = (self.packet_no + 1) % 256
    out[#out + 1] = wire.set3(#part) .. char(self.packet_no)
    out[#out + 1] = part
    at = at + FULL
  until #part < FULL
  return self.sock:send(concat(out))
end

-- receive_packet gives a payload; nil, text.
local function receive_packet(self)
  local sock, parts, total = self.sock, nil, 0
  while true do
    local head, err = sock:receive(4)
    if not head then return nil, "failed to receive packet header: " .. err end
    local size = wire.int3(head, 1)
    self.packet_no = byte(head, 4)
    total = total + size
    if total > self._max_packet_size then return nil, "packet size too big: " .. total end
    local data
    data, err = sock:receive(size)
    if not data then return nil, "failed to read packet content: " .. err end
    if size < FULL then
      if not parts then
        if size == 0 then return nil, "empty packet" end
        return data
      end
      parts[#parts + 1] = data
      return concat(parts)
    end
    parts = parts or {}
    parts[#parts + 1] = data
  end
end

-- broken ends a connection that is in the middle of something.
local function broken(self, err)
  self.state = nil
  self.sock:close()
  return nil, err
end

-- guarded(f) is f whose reading of a malformed packet is a result.
local function settle(self, ok, ...)
  if ok then return ... end
  local err = ...
  if err ~= wire.MALFORMED then error(err, 0) end
  return broken(self, "malformed packet")
end

local function guarded(f)
  return function(self, ...) return settle(self, pcall(f, self, ...)) end
end

-- ---- connecting ----

-- prove answers what the server asks for until it is content: 1; nil, text, number, SQL state.
local function prove(self, plugin, password, scramble, secure)
  while true do
    local packet, err = receive_packet(self)
    if not packet then return broken(self, err) end
    local kind, answer = byte(packet, 1), nil
    if kind == 0x00 then return 1 end
    if kind == 0xff then
      local text, number, state = wire.failure(packet)
      broken(self)
      return nil, text, number, state
    elseif kind == 0xfe then
      if #packet == 1 then return broken(self, "old pre-4.1 authentication protocol not supported") end
      local at
      plugin, at = wire.cstring(packet, 2)
      scramble = sub(packet, at, at + 19)
      answer, err = auth.first(plugin, password, scramble, secure)
      if not answer then return broken(self, err) end
    elseif kind == 0x01 and plugin == "caching_sha2_password" and packet == "\1\4" then -- the server does not have it cached
      answer = secure and password .. "\0" or "\2"
    elseif kind == 0x01 and plugin == "caching_sha2_password" and packet == "\1\3" then
      answer = nil -- it has; OK follows
    elseif kind == 0x01 then -- its public key
      answer, err = auth.sealed(password, scramble, sub(packet, 2))
      if not answer then return broken(self, err) end
    else
      return broken(self, "unexpected packet of type " .. kind .. " during authentication")
    end
    if answer then
      local bytes
      bytes, err = send_packet(self, answer)
      if not bytes then return broken(self, "failed to send client authentication packet: " .. err) end
    end
  end
end

local function log_in(self, o, collation)
  local packet, err = receive_packet(self)
  if not packet then return broken(self, err) end
  if byte(packet, 1) == 0xff then
    local text, number, state = wire.failure(packet)
    broken(self)
    return nil, text, number, state
  end
  local g
  g, err = wire.greeting(packet)
  if not g then return broken(self, err) end
  self._server_ver = g.server_version
  if band(g.capabilities, PROTOCOL_41) == 0 then return broken(self, "the server does not speak the protocol of MySQL 4.1 and later") end
  local user, password, database = o.user or "", o.password or "", o.database or ""
  -- FOUND_ROWS: affected_rows counts the rows that an UPDATE matched.
  local flags = LONG_PASSWORD + FOUND_ROWS + LONG_FLAG + PROTOCOL_41 + TRANSACTIONS + SECURE_CONNECTION + MULTI_STATEMENTS + MULTI_RESULTS
  if database ~= "" then flags = flags + CONNECT_WITH_DB end
  local plugins = band(g.capabilities, PLUGIN_AUTH) ~= 0
  if plugins then flags = flags + PLUGIN_AUTH end
  local secure = o.path ~= nil
  if o.ssl then
    if band(g.capabilities, SSL) == 0 then return broken(self, "ssl disabled on server") end
    flags = flags + SSL
    secure = true
  end
  local head = wire.set4(flags) .. wire.set4(self._max_packet_size) .. char(collation) .. rep("\0", 23)
  if o.ssl then
    local bytes
    bytes, err = send_packet(self, head)
    if not bytes then return broken(self, "failed to send ssl request packet: " .. err) end
    local ok
    ok, err = self.sock:sslhandshake(false, o.server_name, o.ssl_verify)
    if not ok then return broken(self, "failed to do ssl handshake: " .. tostring(err)) end
  end
  local plugin = plugins and g.plugin or "mysql_native_password"
  local token = auth.first(plugin, password, g.scramble, secure)
  if not token then -- the server then asks for the account's own
    plugin = "mysql_native_password"
    token = auth.native(password, g.scramble)
  end
  local bytes
  bytes, err = send_packet(self, head .. user .. "\0" .. char(#token) .. token .. (database ~= "" and database .. "\0" or "")
    .. (plugins and plugin .. "\0" or ""))
  if not bytes then return broken(self, "failed to send client authentication packet: " .. err) end
  local ok, text, number, state = prove(self, plugin, password, g.scramble, secure)
  if not ok then return nil, text, number, state end
  self.state = CONNECTED
  return 1
end
log_in = guarded(log_in)

function M:connect(o)
  local sock = self.sock
  if not sock then return nil, "not initialized" end
  self.packet_no, self.state = -1, nil
  self._max_packet_size = o.max_packet_size or 1024 * 1024
  self.compact = o.compact_arrays
  local collation = 0 -- the server's own
  if o.charset then
    collation = wire.COLLATIONS[o.charset]
    if not collation then return nil, "charset '" .. tostring(o.charset) .. "' is not supported" end
  end
  local options = { pool = o.pool, pool_size = o.pool_size, backlog = o.backlog }
  local name = (o.user or "") .. ":" .. (o.database or "") .. ":"
  local ok, err
  if o.host then
    local port = o.port or 3306
    options.pool = options.pool or name .. o.host .. ":" .. port
    ok, err = sock:connect(o.host, port, options)
  elseif o.path then
    options.pool = options.pool or name .. o.path
    ok, err = sock:connect("unix:" .. o.path, options)
  else
    return nil, 'neither "host" nor "path" options are specified'
  end
  if not ok then return nil, "failed to connect: " .. err end
  if sock:getreusedtimes() > 0 then
    self.state = CONNECTED
    return 1
  end
  return log_in(self, o.host and { ssl = o.ssl, ssl_verify = o.ssl_verify, server_name = o.server_name, user = o.user, password = o.password,
    database = o.database } or o, collation)
end

function M:set_keepalive(...)
  local sock = self.sock
  if not sock then return nil, "not initialized" end
  if self.state ~= CONNECTED then
    return nil, "cannot be reused in the current connection state: " .. tostring(self.state)
  end
  self.state = nil
  return sock:setkeepalive(...)
end

function M:close()
  local sock = self.sock
  if not sock then return nil, "not initialized" end
  if self.state then
    self.packet_no = -1
    local bytes, err = send_packet(self, COM_QUIT)
    if not bytes then return nil, err end
  end
  self.state = nil
  return sock:close()
end

-- ---- queries ----

-- Types of columns whose values are numbers; all others are strings.
local NUMBERS = {}
for _, t in ipairs { 0x01, 0x02, 0x03, 0x04, 0x05, 0x08, 0x09, 0x0d, 0x00, 0xf6 } do NUMBERS[t] = true end

function M:send_query(query)
  if self.state ~= CONNECTED then
    return nil, "cannot send query in the current context: " .. tostring(self.state)
  end
  if not self.sock then return nil, "not initialized" end
  self.packet_no = -1
  local payload = type(query) == "table" and COM_QUERY .. concat(query) or COM_QUERY .. tostring(query)
  local bytes, err = send_packet(self, payload)
  if not bytes then return nil, err end
  self.state = SENT
  return bytes
end

-- is_end says whether a packet ends a list of columns or rows: a row that begins with 0xfe is longer.
local function is_end(packet) return byte(packet, 1) == 0xfe and #packet < 9 end

local function read_columns(self, n)
  local columns = {}
  for i = 1, n do
    local packet, err = receive_packet(self)
    if not packet then return nil, err end
    columns[i] = wire.column(packet)
  end
  local packet, err = receive_packet(self)
  if not packet then return nil, err end
  if not is_end(packet) then return nil, "unexpected packet of type " .. byte(packet, 1) .. " while an eof packet is expected" end
  return columns
end

local function read_row(packet, columns, compact)
  local row, at, null = {}, 1, ngx.null
  for i = 1, #columns do
    local value
    value, at = wire.lenenc_string(packet, at)
    local c = columns[i]
    if value == nil then value = null
    elseif NUMBERS[c.type] then value = tonumber(value) end
    row[compact and i or c.name] = value
  end
  return row
end

local function more(self, status)
  if band(status, MORE_RESULTS) ~= 0 then return "again" end
  self.state = CONNECTED
end

local function read_result(self, expected)
  local packet, err = receive_packet(self)
  if not packet then return broken(self, err) end
  local kind = byte(packet, 1)
  if kind == 0xff then
    self.state = CONNECTED
    return nil, wire.failure(packet)
  elseif kind == 0x00 then
    local res = wire.ok(packet)
    return res, more(self, res.server_status)
  elseif kind == 0xfb then
    return broken(self, "LOAD DATA LOCAL INFILE is not supported")
  end
  local columns
  columns, err = read_columns(self, (wire.lenenc(packet, 1)))
  if not columns then return broken(self, err) end
  local rows = table.new(tonumber(expected) and floor(expected) or 4, 0)
  local n, compact = 0, self.compact
  while true do
    packet, err = receive_packet(self)
    if not packet then return broken(self, err) end
    if is_end(packet) then return rows, more(self, (wire.int2(packet, 4))) end
    if byte(packet, 1) == 0xff then
      self.state = CONNECTED
      return nil, wire.failure(packet)
    end
    n = n + 1
    rows[n] = read_row(packet, columns, compact)
  end
end
read_result = guarded(read_result)

function M:read_result(expected)
  if self.state ~= SENT then
    return nil, "cannot read result in the current context: " .. tostring(self.state)
  end
  if not self.sock then return nil, "not initialized" end
  return read_result(self, expected)
end

function M:query(query, expected)
  local bytes, err = self:send_query(query)
  if not bytes then return nil, "failed to send query: " .. err end
  return self:read_result(expected)
end

return M
