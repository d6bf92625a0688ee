-- resty.memcached: memcached's text protocol over ngx.socket.tcp.
local type, tostring, tonumber, setmetatable, ipairs, concat = type, tostring, tonumber, setmetatable, ipairs, table.concat

local M = { _VERSION = "0.17" }
local mt = { __index = M }

function M.new(_, opts)
  local sock, err = ngx.socket.tcp()
  if not sock then return nil, err end
  local escape, unescape = ngx.escape_uri, ngx.unescape_uri
  if opts and opts.key_transform then escape, unescape = opts.key_transform[1], opts.key_transform[2] end
  return setmetatable({ sock = sock, escape = escape, unescape = unescape }, mt)
end

local function over(name)
  return function(self, ...)
    if not self.sock then return nil, "not initialized" end
    return self.sock[name](self.sock, ...)
  end
end

M.set_timeout, M.set_timeouts, M.connect, M.sslhandshake = over "settimeout", over "settimeouts", over "connect", over "sslhandshake"
M.set_keepalive, M.get_reused_times, M.close = over "setkeepalive", over "getreusedtimes", over "close"

function M:quit()
  if not self.sock then return nil, "not initialized" end
  local ok, err = self.sock:send("quit\r\n")
  if not ok then return nil, err end
  return 1
end

-- ask sends a line and reads one.
local function ask(self, ...)
  if not self.sock then return nil, "not initialized" end
  local ok, err = self.sock:send({ ... })
  if not ok then return nil, err end
  local line
  line, err = self.sock:receive()
  if not line then
    if err == "timeout" then self.sock:close() end
    return nil, err
  end
  return line
end

local function list_of(self, key)
  local keys = {}
  for i, k in ipairs(key) do keys[i] = self.escape(k) end
  return concat(keys, " ")
end

-- values reads VALUE blocks: key, flags, data and, for gets, the unique number.
local function values(self, line, err)
  local found = {}
  while line and line ~= "END" do
    local key, flags, len, unique = line:match("^VALUE (%S+) (%d+) (%d+) ?(%d*)$")
    if not key then return nil, line end
    local data
    data, err = self.sock:receive(tonumber(len))
    if not data then return nil, err end
    local tail
    tail, err = self.sock:receive(2)
    if not tail then return nil, err end
    found[#found + 1] = { self.unescape(key), data, flags, unique }
    line, err = self.sock:receive()
  end
  if not line then return nil, err end
  return found
end

local function get(verb, with_unique)
  return function(self, key)
    local many = type(key) == "table"
    local line, err = ask(self, verb, " ", many and list_of(self, key) or self.escape(key), "\r\n")
    local found
    found, err = values(self, line, err)
    if not found then
      if many then return nil, err end
      if with_unique then return nil, nil, nil, err end
      return nil, nil, err
    end
    if many then
      local out = {}
      for _, v in ipairs(found) do out[v[1]] = with_unique and { v[2], v[3], v[4] } or { v[2], v[3] } end
      return out
    end
    local v = found[1]
    if not v then return nil end
    if with_unique then return v[2], v[3], v[4] end
    return v[2], v[3]
  end
end

M.get, M.gets = get("get", false), get("gets", true)

local function text(v)
  if type(v) ~= "table" then return tostring(v) end
  local out = {}
  for i, e in ipairs(v) do out[i] = text(e) end
  return concat(out)
end

local function store(verb)
  return function(self, key, value, exptime, flags)
    value = text(value)
    local line, err = ask(self, verb, " ", self.escape(key), " ", flags or 0, " ", exptime or 0, " ", #value, "\r\n", value, "\r\n")
    if not line then return nil, err end
    if line == "STORED" then return 1 end
    return nil, line
  end
end

for _, verb in ipairs { "set", "add", "replace", "append", "prepend" } do M[verb] = store(verb) end

function M:cas(key, value, unique, exptime, flags)
  value = text(value)
  local line, err = ask(self, "cas ", self.escape(key), " ", flags or 0, " ", exptime or 0, " ", #value, " ", unique, "\r\n", value, "\r\n")
  if not line then return nil, err end
  if line == "STORED" then return 1 end
  return nil, line
end

local function simple(verb, good)
  return function(self, key, arg)
    local line, err = ask(self, verb, " ", self.escape(key), arg and " " or "", arg or "", "\r\n")
    if not line then return nil, err end
    if line == good then return 1 end
    return nil, line
  end
end

M.delete, M.touch = simple("delete", "DELETED"), simple("touch", "TOUCHED")

local function count(verb)
  return function(self, key, by)
    local line, err = ask(self, verb, " ", self.escape(key), " ", by, "\r\n")
    if not line then return nil, err end
    if line:find("^%d+") then return line end
    return nil, line
  end
end

M.incr, M.decr = count "incr", count "decr"

function M:flush_all(seconds)
  local line, err = ask(self, "flush_all", seconds and " " or "", seconds or "", "\r\n")
  if line == "OK" then return 1 end
  return nil, line or err
end

function M:version()
  local line, err = ask(self, "version\r\n")
  if not line then return nil, err end
  return line:match("^VERSION (.+)$") or line
end

function M:verbosity(level)
  local line, err = ask(self, "verbosity ", level, "\r\n")
  if line == "OK" then return 1 end
  return nil, line or err
end

function M:stats(what)
  local line, err = ask(self, "stats", what and " " or "", what or "", "\r\n")
  local lines = {}
  while line and line ~= "END" do
    if line:find("ERROR", 1, true) then return nil, line end
    lines[#lines + 1] = line
    line, err = self.sock:receive()
  end
  if not line then return nil, err end
  return lines
end

return M
