-- resty.dns.resolver: queries go to the gateway's own resolver, whatever name servers are given.
local dns = require "gibbon.dns"

local M = { _VERSION = "0.23", TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_MX = 15, TYPE_TXT = 16, TYPE_AAAA = 28,
  TYPE_SRV = 33, TYPE_SPF = 99, CLASS_IN = 1, SECTION_AN = 1, SECTION_NS = 2, SECTION_AR = 3 }
local mt = { __index = M }

function M.new(_, opts)
  if type(opts) ~= "table" then return nil, "no options table specified" end
  return setmetatable({}, mt)
end

local CODES = { [1] = "format error", [2] = "server failure", [3] = "name error", [4] = "not implemented", [5] = "refused" }

-- query(name, { qtype = }) gives a list of answers, or { errcode =, errstr = }, or nil, text.
function M.query(_, name, opts)
  local list, err = dns.resolve(name, opts)
  if list then return list end
  local code = tonumber(tostring(err):match("dns server error: (%d+)"))
  if code then return { errcode = code, errstr = CODES[code] or "unknown" } end
  if tostring(err):find("101 empty", 1, true) then return {} end
  return nil, err
end

M.tcp_query = M.query
function M.set_timeout() end
function M.compress_ipv6_addr(addr) return addr end

return M
