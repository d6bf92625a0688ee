-- ngx.socket: TCP and UDP sockets. What they do is Go (plugin/lua/socket); here are arguments, states and error texts.
local native = require "gibbon.native"
local op = require "gibbon.op"

local connect, handshake, send, receive = op.wait("socket.connect"), op.wait("socket.handshake"), op.wait("socket.send"), op.wait("socket.receive")
local receive_head = op.wait("socket.receive_head")
local keepalive, close, option, get_fd = op.ask("socket.keepalive"), op.ask("socket.close"), op.ask("socket.option"), op.ask("socket.fd")
local shutdown = op.ask("socket.shutdown")
local type, error, tostring, tonumber, setmetatable, concat, floor = type, error, tostring, tonumber, setmetatable, table.concat, math.floor
local phase, refuse = native.phase, native.refuse

local DEFAULT = 60000 -- lua_socket_connect_timeout and its like, ms
local LINE, COUNT, ANY, ALL, UNTIL = 0, 1, 2, 3, 4

-- Phases in which sockets may be made: those that may wait.
local ALLOWED = { [0x2] = true, [0x8] = true, [0x10] = true, [0x20] = true, [0x80] = true, [0x1000] = true, [0x4000] = true,
  [0x10000] = true, [0x20000] = true, [0x40000] = true, [0x10000000] = true, [0] = true }

local M = {}

-- text(v) is what send sends of a value.
local function text(v, what)
  local t = type(v)
  if t == "string" then return v end
  if t == "number" or t == "boolean" or t == "nil" then return tostring(v) end
  if t ~= "table" then
    error("bad argument #1 to '" .. what .. "' (string, number, boolean, nil, or array table expected, got " .. t .. ")", 3)
  end
  local out, n = {}, #v
  for k in pairs(v) do
    if type(k) ~= "number" or k < 1 or k > n or k ~= floor(k) then
      error("bad argument #1 to '" .. what .. "' (non-array table found)", 3)
    end
  end
  for i = 1, n do
    local e = v[i]
    out[i] = type(e) == "string" and e or text(e, what)
  end
  return concat(out)
end
M.text = text

local function milliseconds(v, what, n)
  v = tonumber(v)
  if not v then error("bad argument #" .. n .. " to '" .. what .. "' (number expected)", 3) end
  return v > 0 and v or DEFAULT
end

-- ---- what a socket that reads can do ----

local reader = {}

function reader:settimeout(ms)
  ms = milliseconds(ms, "settimeout", 1)
  self.connect_timeout, self.send_timeout, self.read_timeout = ms, ms, ms
end

function reader:settimeouts(c, s, r)
  if c ~= nil then self.connect_timeout = milliseconds(c, "settimeouts", 1) end
  if s ~= nil then self.send_timeout = milliseconds(s, "settimeouts", 2) end
  if r ~= nil then self.read_timeout = milliseconds(r, "settimeouts", 3) end
end

-- ended(data, err, partial) gives a receive's results; without a partial result there are two.
local function ended(data, err, partial)
  if data then return data end
  if partial == nil then return nil, err end
  return nil, err, partial
end

function reader:receive(pattern)
  local kind, n = LINE, 0
  if pattern ~= nil then
    local t = type(pattern)
    local count = (t == "number" or t == "string") and tonumber(pattern)
    if count then
      if count < 0 then error("bad argument #2 to '?' (bad pattern argument)", 2) end
      kind, n = COUNT, floor(count)
    elseif pattern == "*a" or pattern == "a" then kind = ALL
    elseif pattern ~= "*l" and pattern ~= "l" then
      error("bad argument #2 to '?' (bad pattern argument)", 2)
    end
  end
  local id = self.id
  if not id then return nil, "closed" end
  if kind == COUNT and n == 0 then return "" end
  return ended(receive(id, kind, n, self.read_timeout))
end

function reader:receiveany(max)
  max = tonumber(max)
  if not max then error("bad argument #2 to 'receiveany' (number expected)", 2) end
  if max < 1 then error("bad argument #2 to 'receiveany' (bad max argument)", 2) end
  if not self.id then return nil, "closed" end
  return ended(receive(self.id, ANY, floor(max), self.read_timeout))
end

function reader:receiveuntil(pattern, options)
  if type(pattern) ~= "string" and type(pattern) ~= "number" then
    error("bad argument #2 to 'receiveuntil' (string expected, got " .. type(pattern) .. ")", 2)
  end
  pattern = tostring(pattern)
  if pattern == "" then return nil, "pattern is empty" end
  local inclusive = false
  if options ~= nil then
    if type(options) ~= "table" then error("bad argument #3 to 'receiveuntil' (table expected, got " .. type(options) .. ")", 2) end
    inclusive = options.inclusive
    if inclusive ~= nil and type(inclusive) ~= "boolean" then
      error("bad argument #3 to 'receiveuntil' (bad \"inclusive\" option value type: " .. type(inclusive) .. ")", 2)
    end
  end
  return function(size)
    size = size and tonumber(size) or 0
    if size < 0 then error("bad argument #1 to '?' (bad size argument)", 2) end
    if not self.id then return nil, "closed" end
    local data, err, partial = receive(self.id, UNTIL, floor(size), self.read_timeout, pattern, inclusive)
    if not data and not err then return nil, nil, nil end
    return ended(data, err, partial)
  end
end

-- receive_head gives the first line of an HTTP head and a list of name, value, name, value …; for resty.http.
function reader:receive_head()
  if not self.id then return nil, "closed" end
  return receive_head(self.id, self.read_timeout)
end

local function send_text(self, data)
  data = text(data, "send")
  if not self.id then return nil, "closed" end
  return send(self.id, data, self.send_timeout)
end

function reader:forget()
  local id = self.id
  if id then
    self.id = nil
    close(id)
  end
end

-- ---- TCP ----

local tcp = setmetatable({ send = send_text }, { __index = reader })
local tcp_mt = { __index = tcp }

function tcp:bind(address)
  if type(address) ~= "string" then error("bad argument #1 to 'bind' (string expected, got " .. type(address) .. ")", 2) end
  self.bound = address
  return true
end

local function pool_options(options)
  if options == nil then return end
  if type(options) ~= "table" then error("bad argument #3 to 'connect' (table expected, got " .. type(options) .. ")", 3) end
  local pool, size, backlog = options.pool, options.pool_size, options.backlog
  if pool ~= nil and type(pool) ~= "string" and type(pool) ~= "number" then
    error("bad argument #3 to 'connect' (bad \"pool\" option type: " .. type(pool) .. ")", 3)
  end
  if size ~= nil and (type(size) ~= "number" or size <= 0) then error("bad \"pool_size\" option value: " .. tostring(size), 3) end
  if backlog ~= nil and (type(backlog) ~= "number" or backlog < 0) then error("bad \"backlog\" option value: " .. tostring(backlog), 3) end
  return pool and tostring(pool), size, backlog
end

function tcp:connect(host, port, options)
  if type(host) ~= "string" then error("bad argument #1 to 'connect' (string expected, got " .. type(host) .. ")", 2) end
  if host:sub(1, 5) == "unix:" then
    if type(port) == "table" and options == nil then options = port end
    port = 0
  else
    local n = tonumber(port)
    if not n then error("bad argument #2 to 'connect' (number expected, got " .. type(port) .. ")", 2) end
    if n < 0 or n > 65535 or n ~= floor(n) then return nil, "bad port number: " .. tostring(port) end
    port = n
  end
  local pool, size, backlog = pool_options(options)
  local id, reused = connect(self.id, host, port, self.connect_timeout, pool, size, backlog, self.bound)
  if not id then
    self.id = nil
    return nil, reused
  end
  self.id, self.reused, self.session = id, reused, nil
  return 1
end

-- A session is a small cdata, as the reference's are.
local ffi = require "ffi"
pcall(ffi.cdef, "typedef struct { double number; } gibbon_tls_session;")
local session_type = ffi.typeof("gibbon_tls_session")

function tcp:sslhandshake(reused_session, server_name, verify, send_status)
  if not self.id then return nil, "closed" end
  if send_status then return nil, "OCSP stapling is not supported by this gateway" end
  local resume = 0
  if type(reused_session) == "cdata" and ffi.istype(session_type, reused_session) then resume = reused_session.number end
  local number, err = handshake(self.id, self.connect_timeout, server_name and tostring(server_name), verify and true or false,
    self.certificate, self.key, resume)
  if not number then
    self:forget()
    return nil, err
  end
  if reused_session == false then return true end
  if number ~= 0 or not self.session then self.session = ffi.new(session_type, number) end
  return self.session
end

function tcp:getsslsession()
  if not self.id then return nil, "closed" end
  return self.session
end

-- setclientcert(cert, key): values of ngx.ssl.parse_pem_cert and parse_pem_priv_key; nil, nil takes them away.
function tcp:setclientcert(cert, key)
  if not self.id then return nil, "closed" end
  if cert == nil and key == nil then
    self.certificate, self.key = nil, nil
    return true
  end
  if cert == nil or key == nil then return nil, "client certificate and private key must be supplied both or neither" end
  local pem = require("gibbon.pem").of
  local c, k = pem(cert), pem(key)
  if not c then return nil, "bad cert arg: cdata expected, got " .. type(cert) end
  if not k then return nil, "bad pkey arg: cdata expected, got " .. type(key) end
  self.certificate, self.key = c, k
  return true
end

function tcp:settrustedstore() return nil, "a trusted store is not supported by this gateway: use lua_ssl_trusted_certificate" end
function tcp:getsslpointer() return nil, "OpenSSL's objects are not used by this gateway's sockets" end
tcp.getsslctx = tcp.getsslpointer

function tcp:getreusedtimes()
  if not self.id then return nil, "closed" end
  return self.reused
end

function tcp:setkeepalive(ms, size)
  if ms ~= nil then ms = tonumber(ms) or error("bad argument #1 to 'setkeepalive' (number expected)", 2) end
  if size ~= nil then
    size = tonumber(size)
    if not size or size <= 0 then error("bad argument #2 to 'setkeepalive' (bad \"pool_size\" option value: " .. tostring(size) .. ")", 2) end
  end
  if not self.id then return nil, "closed" end
  local ok, err = keepalive(self.id, ms, size)
  if ok or err == "closed" or err == "unread data in buffer" then self.id = nil end
  if ok then return ok end
  return nil, err
end

function tcp:close()
  local id = self.id
  if not id then return nil, "closed" end
  self.id = nil
  return close(id)
end

function tcp:shutdown(direction)
  if direction ~= "send" then error("bad argument #1 to 'shutdown' (only \"send\" is supported)", 2) end
  if not self.id then return nil, "closed" end
  return shutdown(self.id)
end

function tcp:setoption(name, value)
  if name == nil or value == nil then error("missing the \"option\" or \"value\" argument", 2) end
  if not self.id then return nil, "closed" end
  local ok, err = option(self.id, name, value)
  if not ok then return nil, err end
  return true
end

function tcp:getoption(name)
  if not self.id then return nil, "closed" end
  return option(self.id, name)
end

function tcp:getfd()
  if not self.id then return nil, "closed" end
  return get_fd(self.id)
end

local function new_tcp()
  if not ALLOWED[phase()] then refuse() end
  return setmetatable({ connect_timeout = DEFAULT, send_timeout = DEFAULT, read_timeout = DEFAULT }, tcp_mt)
end

-- ---- ngx.req.socket ----

local take_client = op.ask("client.socket")
local body_mt = { __index = reader }
local raw = setmetatable({ send = send_text, close = tcp.close }, { __index = reader })
local raw_mt = { __index = raw }

-- Phases in which the client's side may be taken.
local FROM_CLIENT = { [0x10] = true, [0x20] = true, [0x80] = true, [0x10000] = true }

local function req_socket(is_raw)
  if not FROM_CLIENT[phase()] then refuse() end
  local said = native.response_state()
  if said and is_raw and not native.request().flushed then return nil, "pending data to write" end
  local id, err = take_client(is_raw and true or false, said and true or false)
  if not id then return nil, err end
  return setmetatable({ id = id, send_timeout = DEFAULT, read_timeout = DEFAULT }, is_raw and raw_mt or body_mt)
end

-- ---- UDP ----

local udp = {}
local udp_mt = { __index = udp }

function udp:settimeout(ms) self.timeout = milliseconds(ms, "settimeout", 1) end

function udp:bind(address)
  self.bound = address
  return true
end

function udp:setpeername(host, port)
  if type(host) ~= "string" then error("bad argument #1 to 'setpeername' (string expected, got " .. type(host) .. ")", 2) end
  if host:sub(1, 5) == "unix:" then
    port = 0
  else
    local n = tonumber(port)
    if not n then error("bad argument #2 to 'setpeername' (number expected, got " .. type(port) .. ")", 2) end
    if n < 0 or n > 65535 then return nil, "bad port number: " .. tostring(port) end
    port = n
  end
  local id, err = connect(self.id, host, port, self.timeout, nil, nil, nil, self.bound, true)
  self.id = id
  if not id then return nil, err end
  return 1
end

function udp:send(data)
  data = text(data, "send")
  if not self.id then return nil, "closed" end
  return send(self.id, data, self.timeout)
end

function udp:receive(size)
  if not self.id then return nil, "closed" end
  size = size and tonumber(size) or 65536
  local data, err = receive(self.id, 0, size, self.timeout)
  if data then return data end
  return nil, err
end

function udp:close()
  local id = self.id
  if not id then return nil, "closed" end
  self.id = nil
  return close(id)
end

local function new_udp()
  if not ALLOWED[phase()] then refuse() end
  return setmetatable({ timeout = DEFAULT }, udp_mt)
end

M.tcp, M.udp = new_tcp, new_udp

return setmetatable(M, { __call = function(_, ngx)
  ngx.socket = { tcp = new_tcp, stream = new_tcp, udp = new_udp }
  ngx.req.socket = req_socket
  local discard = op.ask("client.discard_body")
  function ngx.req.discard_body()
    native.req_method() -- refused where there is no request
    discard()
  end

  function ngx.socket.connect(host, port, options)
    local s = new_tcp()
    local ok, err = s:connect(host, port, options)
    if not ok then return nil, err end
    return s
  end
end })
