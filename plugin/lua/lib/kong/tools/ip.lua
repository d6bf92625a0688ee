-- kong.tools.ip: addresses, ports and networks as text
local M = {}

local function is_v4(s)
  local a, b, c, d = s:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then return false end
  for _, n in ipairs { a, b, c, d } do if #n > 3 or tonumber(n) > 255 then return false end end
  return true
end

local function is_v6(s)
  s = s:match("^%[(.*)%]$") or s
  if not s:find(":", 1, true) or s:find("[^%x:%.]") or s:find(":::", 1, true) then return false end
  local double = select(2, s:gsub("::", ""))
  if double > 1 then return false end
  local groups = 0
  for g in s:gmatch("[^:]+") do
    if g:find(".", 1, true) then
      if not is_v4(g) then return false end
      groups = groups + 2
    else
      if #g > 4 then return false end
      groups = groups + 1
    end
  end
  return double == 1 and groups < 8 or groups == 8
end

function M.hostname_type(name)
  if is_v4((name:match("^[^:]+"))) and select(2, name:gsub(":", "")) <= 1 then return "ipv4" end
  if select(2, name:gsub(":", "")) > 1 then return "ipv6" end
  return "name"
end

function M.is_valid_ip(s) return type(s) == "string" and (is_v4(s) or is_v6(s)) end
function M.is_valid_ipv4(s) return type(s) == "string" and is_v4(s) end
function M.is_valid_ipv6(s) return type(s) == "string" and is_v6(s) end

local function cidr(check, max)
  return function(s)
    local ip, bits = tostring(s):match("^(.*)/(%d+)$")
    return ip ~= nil and check(ip) and tonumber(bits) <= max
  end
end
M.is_valid_cidr_v4, M.is_valid_cidr_v6 = cidr(is_v4, 32), cidr(is_v6, 128)
function M.is_valid_cidr(s) return M.is_valid_cidr_v4(s) or M.is_valid_cidr_v6(s) end
function M.is_valid_ip_or_cidr(s) return M.is_valid_ip(s) or M.is_valid_cidr(s) end

local function split_port(s)
  local host, port = s:match("^(.*):(%d+)$")
  if not host then return s end
  return host, tonumber(port)
end

function M.normalize_ipv4(address)
  local host, port = split_port(address)
  if not is_v4(host) then return nil, "invalid ipv4 address: " .. tostring(address) end
  return host, port
end

function M.normalize_ipv6(address)
  local host, port = address:match("^%[(.-)%]:?(%d*)$")
  if not host then host, port = address, nil end
  if not is_v6(host) then return nil, "invalid ipv6 address: " .. tostring(address) end
  return "[" .. host:lower() .. "]", tonumber(port)
end

function M.check_hostname(address)
  local host, port = split_port(address)
  if host == "" or #host > 253 or host:find("[^%w%.%-_]") or host:find("^%-") or host:find("%.%.") then
    return nil, "invalid hostname: " .. tostring(address)
  end
  return host, port
end

function M.normalize_ip(address)
  local kind = M.hostname_type(address)
  local host, port
  if kind == "ipv4" then host, port = M.normalize_ipv4(address) elseif kind == "ipv6" then host, port = M.normalize_ipv6(address)
  else host, port = M.check_hostname(address) end
  if not host then return nil, port end
  return { type = kind, host = host, port = port }
end

local format = require("kong.tools.string").format_host
M.format_host = format

return M
