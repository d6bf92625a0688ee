-- resty.dns.client and kong.resty.dns.client: names by the gateway's own resolver, whose settings are those of kong.conf.
local dns = require "gibbon.dns"

local M = { TYPE_LAST = -1, TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_MX = 15, TYPE_TXT = 16, TYPE_AAAA = 28,
  TYPE_SRV = 33, TYPE_SPF = 99, CLASS_IN = 1, SECTION_AN = 1 }

-- init() has nothing to do.
function M.init() return true end

-- resolve(name, { qtype = }) gives a list of records or nil, text.
function M.resolve(name, opts, _, tries)
  local list, err = dns.resolve(name, opts)
  if not list then return nil, err, tries or {} end
  return list, nil, tries or {}
end

-- toip(name, port) gives address, port or nil, text.
function M.toip(name, port, _, tries)
  local ip, p = dns.toip(name, port)
  if not ip then return nil, p, tries or {} end
  return ip, p, tries or {}
end

-- connect(sock, host, port) connects by the address found.
function M.connect(sock, host, port, opts)
  local ip, p = M.toip(host, port)
  if not ip then return nil, p end
  return sock:connect(ip, p, opts)
end

function M.setpeername(sock, host, port)
  if host:sub(1, 5) == "unix:" then return sock:setpeername(host) end
  local ip, p = M.toip(host, port)
  if not ip then return nil, p end
  return sock:setpeername(ip, p)
end

function M.getcache() return { get = function() end, set = function() end, delete = function() end } end

return M
