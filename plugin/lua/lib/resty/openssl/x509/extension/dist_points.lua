-- resty.openssl.x509.extension.dist_points: where revocation lists are found (CRLDistributionPoints, RFC 5280, 4.2.1.13), each as an altname
local altname = require "resty.openssl.x509.altname"
local names = require "gibbon.general_names"
local der = require "gibbon.der"

local M = require("gibbon.stack").kind("x509.extension.dist_points", function(v)
  if altname.istype(v) then return v end
  return nil, "expect a x509.altname instance at #1"
end)

-- inside(bytes, at, tag): the content of an element that has to have that tag, and where the next one begins.
local function inside(bytes, at, tag)
  local got, content, after = der.read(bytes, at)
  if got == tag then return content, after end
end

-- parse(bytes): the list of an extension's value; nil where it is none. Points without a full name have none.
function M.parse(bytes)
  local points, after = inside(bytes, 1, 0x30)
  if not points or after <= #bytes then return nil end
  local list, at = M.new(), 1
  while at <= #points do
    local point
    point, at = inside(points, at, 0x30)
    if not point then return nil end
    local where = inside(point, 1, 0xa0)
    local full = where and inside(where, 1, 0xa0)
    local found = full and names.names(full) or {}
    list[#list + 1] = altname.adopt(found)
  end
  return list
end

-- der(list): the value of such an extension.
function M.der(list)
  local out = {}
  for i, point in ipairs(list) do
    local full = names.write(point)
    local _, content = der.read(full, 1)
    out[i] = der.write(0x30, der.write(0xa0, der.write(0xa0, content)))
  end
  return der.write(0x30, table.concat(out))
end

return M
