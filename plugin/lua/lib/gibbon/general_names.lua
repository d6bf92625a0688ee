-- The names of a certificate's subjectAltName (GeneralNames, RFC 5280, 4.2.1.6), read from and written as DER. Text that libcrypto prints of them must
-- not be split: a name may have a comma and what looks like a further name in it.
local der = require "gibbon.der"
local element = der.read
local byte, format = string.byte, string.format

local M = {}

-- Tags of the choices whose value is text.
local TEXT = { [0x81] = "email", [0x82] = "DNS", [0x86] = "URI" }
local OTHER = { [0xa0] = "othername", [0xa3] = "X400Name", [0xa4] = "DirName", [0xa5] = "EdiPartyName", [0x88] = "RID" }

local function address(bytes)
  if #bytes == 4 then return format("%d.%d.%d.%d", byte(bytes, 1, 4)) end
  if #bytes ~= 16 then return nil end
  local groups = {}
  for i = 1, 15, 2 do groups[#groups + 1] = format("%X", byte(bytes, i) * 256 + byte(bytes, i + 1)) end
  return table.concat(groups, ":")
end

-- parse(der) gives a list of { kind, value }: kind is "DNS", "URI", "email" or "IP", or names another choice, whose value is
-- "<unsupported>" and whose element is kept in der; nil where bytes are no such list.
function M.parse(bytes)
  local tag, content, after = element(bytes, 1)
  if tag ~= 0x30 or after <= #bytes then return nil end
  return M.names(content)
end

-- names(content): the same of what is inside the list.
function M.names(content)
  local list, at = {}, 1
  while at <= #content do
    local kind, value, from = nil, nil, at
    kind, value, at = element(content, at)
    if not kind then return nil end
    if TEXT[kind] then
      list[#list + 1] = { TEXT[kind], value }
    elseif kind == 0x87 then
      list[#list + 1] = { "IP", address(value) or "<invalid>", der = content:sub(from, at - 1) }
    else
      list[#list + 1] = { OTHER[kind] or "othername", "<unsupported>", der = content:sub(from, at - 1) }
    end
  end
  return list
end

local TAG = { email = 0x81, DNS = 0x82, URI = 0x86, IP = 0x87, DirName = 0xa4 }

-- write(list) is the DER of a list of { kind, value }, where the value of an IP is text or, as that of a DirName, comes as der.
function M.write(list)
  local out = {}
  for i, e in ipairs(list) do out[i] = e.der or der.write(TAG[e[1]], e[2]) end
  return der.write(0x30, table.concat(out))
end

return M
