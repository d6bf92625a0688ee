-- resty.ipmatcher: is an address in one of many networks? Addresses are compared by their bits; the longest prefix wins.
local M = { _VERSION = "0.6" }
local mt = { __index = M }

-- bits(address): "4" or "6" and the bits as text
local function v4(s)
  local a, b, c, d = s:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then return nil end
  local out = {}
  for i, n in ipairs { a, b, c, d } do
    n = tonumber(n)
    if n > 255 then return nil end
    for k = 7, 0, -1 do out[(i - 1) * 8 + 8 - k] = math.floor(n / 2 ^ k) % 2 end
  end
  return table.concat(out)
end

local function v6(s)
  if not s:find(":", 1, true) or s:find("[^%x:.]") or s:find(":::", 1, true) then return nil end
  local tail = s:match("([%d.]+)$")
  if tail and tail:find(".", 1, true) then
    local low = v4(tail)
    if not low then return nil end
    s = s:sub(1, -#tail - 1) .. ("%x:%x"):format(tonumber(low:sub(1, 16), 2), tonumber(low:sub(17), 2))
  end
  local function words(part)
    local list = {}
    for w in part:gmatch("[^:]+") do
      if #w > 4 then return nil end
      list[#list + 1] = tonumber(w, 16)
    end
    return list
  end
  local head, rest = s:match("^(.-)::(.*)$")
  local front, back = words(head or s), words(rest or "")
  if not front or not back then return nil end
  local gap = 8 - #front - #back
  if (head and gap < 1) or (not head and gap ~= 0) then return nil end
  local all, out = {}, {}
  for _, w in ipairs(front) do all[#all + 1] = w end
  for _ = 1, gap do all[#all + 1] = 0 end
  for _, w in ipairs(back) do all[#all + 1] = w end
  for _, w in ipairs(all) do for k = 15, 0, -1 do out[#out + 1] = math.floor(w / 2 ^ k) % 2 end end
  return table.concat(out)
end

function M.parse_ipv4(s) return type(s) == "string" and v4(s) ~= nil end
function M.parse_ipv6(s) return type(s) == "string" and v6(s:match("^%[(.*)%]$") or s) ~= nil end

local function network(text)
  local address, width = text:match("^(.-)/(%d+)$")
  address = address or text
  local bits, kind = v4(address), 4
  if not bits then bits, kind = v6(address), 6 end
  width = width and tonumber(width) or (kind == 4 and 32 or 128)
  if not bits or width > #bits then return nil, "invalid ip address: " .. text end
  return kind, bits:sub(1, width)
end

local function build(list, with)
  local self = setmetatable({ [4] = { widths = {} }, [6] = { widths = {} } }, mt)
  for key, value in pairs(list) do
    local text = with and key or value
    if type(text) ~= "string" then return nil, "invalid ip address: " .. tostring(text) end
    local kind, prefix = network(text)
    if not kind then return nil, prefix end
    local t = self[kind]
    if not t[prefix] and not t.widths[#prefix] then t.widths[#prefix] = true end
    t[prefix] = { with and value or true }
  end
  for _, kind in ipairs { 4, 6 } do
    local order = {}
    for w in pairs(self[kind].widths) do order[#order + 1] = w end
    table.sort(order, function(a, b) return a > b end)
    self[kind].order = order
  end
  return self
end

function M.new(list) return build(list, false) end
function M.new_with_value(list) return build(list, true) end

local function search(t, bits)
  for _, w in ipairs(t.order) do
    local found = t[bits:sub(1, w)]
    if found then return found[1] end
  end
  return false
end

-- match(ip): true (or the network's value), false; nil and a text for what is no address
function M:match(ip)
  if type(ip) ~= "string" then return nil, "invalid ip address, not string" end
  local bits = v4(ip)
  if bits then return search(self[4], bits) end
  bits = v6(ip)
  if bits then return search(self[6], bits) end
  return nil, "invalid ip address: " .. ip
end

function M:match_bin(bin)
  if #bin == 4 then return self:match(("%d.%d.%d.%d"):format(bin:byte(1, 4))) end
  if #bin ~= 16 then return nil, "invalid ip address" end
  return self:match((("%02x%02x:"):rep(8):sub(1, -2)):format(bin:byte(1, 16)))
end

return M
