-- resty.iputils: IPv4 addresses and networks.
local matcher = require "resty.ipmatcher"

local M = { _VERSION = "0.3.0" }

-- ip2bin(ip): the address as a number, and its bytes; nil, text.
function M.ip2bin(ip)
  local bytes = { tostring(ip):match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  if #bytes ~= 4 then return nil, "Invalid IP" end
  local n = 0
  for i = 1, 4 do
    bytes[i] = tonumber(bytes[i])
    if bytes[i] > 255 then return nil, "Invalid octet: " .. bytes[i] end
    n = n * 256 + bytes[i]
  end
  return n, bytes
end

-- parse_cidr(cidr): the first and last address as numbers; nil, text.
function M.parse_cidr(cidr)
  local ip, bits = tostring(cidr):match("^([^/]+)/?(%d*)$")
  local n, err = M.ip2bin(ip or "")
  if not n then return nil, err end
  bits = bits ~= "" and tonumber(bits) or 32
  if bits > 32 then return nil, "Invalid prefix: /" .. bits end
  local size = 2 ^ (32 - bits)
  local low = n - n % size
  return low, low + size - 1
end

function M.parse_cidrs(cidrs)
  local out = {}
  for i = 1, #cidrs do
    local low, high = M.parse_cidr(cidrs[i])
    if low then
      out[#out + 1] = { low, high }
    else
      ngx.log(ngx.ERR, "Error parsing '", cidrs[i], "': ", high)
    end
  end
  return out
end

function M.ip_in_cidrs(ip, cidrs)
  local n, err = M.ip2bin(ip)
  if not n then return nil, err end
  for i = 1, #cidrs do
    if n >= cidrs[i][1] and n <= cidrs[i][2] then return true end
  end
  return false
end

-- binip_in_cidrs(bytes, cidrs): the address as four or sixteen bytes, such as ngx.var.binary_remote_addr.
function M.binip_in_cidrs(bytes, cidrs)
  if #bytes ~= 4 then return false, "invalid IP address" end
  return M.ip_in_cidrs(table.concat({ bytes:byte(1, 4) }, "."), cidrs)
end

function M.enable_lrucache() return true end
M.matcher = matcher

return M
