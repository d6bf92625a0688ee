-- socket: what plugins use of LuaSocket, over the gateway's own sockets: gettime, sleep, tcp, udp, connect.
local M = { _VERSION = "LuaSocket 3.1.0", BLOCKSIZE = 2048 }
local tonumber, setmetatable, type, pairs = tonumber, setmetatable, type, pairs

function M.gettime()
  ngx.update_time()
  return ngx.now()
end

M.sleep = function(seconds) return ngx.sleep(seconds) end

-- LuaSocket counts in seconds and patterns come without "*" too.
local tcp = {}

function tcp:settimeout(seconds)
  self.sock:settimeout(seconds and tonumber(seconds) * 1000 or 60000)
  return 1
end
function tcp:connect(host, port) return self.sock:connect(host, port) end
function tcp:send(data, i, j)
  if i then data = data:sub(i, j or -1) end
  local n, err = self.sock:send(data)
  if not n then return nil, err, 0 end
  return (i or 1) - 1 + n
end
function tcp:receive(pattern, prefix)
  local data, err, partial = self.sock:receive(pattern)
  if prefix and data then data = prefix .. data elseif prefix and partial then partial = prefix .. partial end
  return data, err, partial
end
function tcp:close() return self.sock:close() end
function tcp:setoption(...) return self.sock:setoption(...) end
function tcp:sslhandshake(...) return self.sock:sslhandshake(...) end
function tcp:dohandshake() return true end
function tcp:getfd() return self.sock:getfd() end

local tcp_mt = { __index = tcp }
function M.tcp() return setmetatable({ sock = ngx.socket.tcp() }, tcp_mt) end
M.tcp4, M.tcp6 = M.tcp, M.tcp

function M.connect(host, port)
  local s = M.tcp()
  local ok, err = s:connect(host, port)
  if not ok then return nil, err end
  return s
end

local udp = {}
local udp_mt = { __index = udp }
function udp:settimeout(seconds)
  self.sock:settimeout(seconds and tonumber(seconds) * 1000 or 60000)
  return 1
end
function udp:setpeername(host, port) return self.sock:setpeername(host, port) end
function udp:send(data) return self.sock:send(data) end
function udp:receive(n) return self.sock:receive(n) end
function udp:sendto(data, host, port)
  local ok, err = self.sock:setpeername(host, port)
  if not ok then return nil, err end
  return self.sock:send(data)
end
function udp:close() return self.sock:close() end
function M.udp() return setmetatable({ sock = ngx.socket.udp() }, udp_mt) end

M.dns = {
  toip = function(name)
    local ip, err = kong.dns.toip(name)
    return ip, err
  end,
  gethostname = function() return kong.node.get_hostname() end,
}

function M.skip(n, ...) return select(n + 1, ...) end

function M.newtry(finalizer)
  return function(...)
    local ok, err = ...
    if not ok then
      if finalizer then finalizer() end
      error({ err }, 0)
    end
    return ...
  end
end
M.try = M.newtry()

function M.protect(f)
  return function(...)
    local r = { pcall(f, ...) }
    if r[1] then return unpack(r, 2, table.maxn(r)) end
    if type(r[2]) == "table" then return nil, r[2][1] end
    error(r[2], 0)
  end
end

return M
