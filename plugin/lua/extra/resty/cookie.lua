-- resty.cookie: the cookies of the request, and Set-Cookie fields of the response.
local type, tostring, setmetatable, concat, gmatch, match = type, tostring, setmetatable, table.concat, string.gmatch, string.match

local M = { _VERSION = "0.1.0" }
local mt = { __index = M }

function M.new() return setmetatable({}, mt) end

local function parse(header)
  local all = {}
  for pair in gmatch(header, "[^;]+") do
    local name, value = match(pair, "^%s*([^=%s]+)%s*=%s*(.-)%s*$")
    if name then all[name] = match(value, '^"(.*)"$') or value end
  end
  return all
end

local function cookies(self)
  local all = self._cookies
  if all then return all end
  local header = ngx.var.http_cookie
  if not header then return nil, "no cookie found in the current request" end
  all = parse(header)
  self._cookies = all
  return all
end

function M:get(name)
  local all, err = cookies(self)
  if not all then return nil, err end
  return all[name]
end

M.get_all = cookies

function M.get_cookie_size() return #(ngx.var.http_cookie or "") end

local function bake(c)
  if type(c) ~= "table" or type(c.key) ~= "string" or c.value == nil then return nil, 'missing cookie field "key" or "value"' end
  local value = tostring(c.value)
  for _, s in ipairs { c.key, value, c.path or "", c.domain or "" } do
    if s:find("[%c;]") then return nil, "a cookie must not contain control characters or ';'" end
  end
  if c["max-age"] and not c.max_age then c.max_age = c["max-age"] end
  local same = c.samesite
  if same and same ~= "Strict" and same ~= "Lax" and same ~= "None" then
    ngx.log(ngx.WARN, "SameSite value must be 'Strict', 'Lax' or 'None'")
    same = nil
  end
  local out = { c.key .. "=" .. value }
  local function put(name, v)
    if v ~= nil and v ~= false then out[#out + 1] = v == true and name or name .. "=" .. tostring(v) end
  end
  put("Expires", c.expires)
  put("Max-Age", c.max_age)
  put("Domain", c.domain)
  put("Path", c.path)
  put("Secure", c.secure and true)
  put("HttpOnly", c.httponly and true)
  put("SameSite", same)
  if c.extension then out[#out + 1] = c.extension end
  return concat(out, "; ")
end

-- set adds a Set-Cookie field; the same field twice is one.
function M.set(_, cookie)
  local baked, err = bake(cookie)
  if not baked then return nil, err end
  local set = ngx.header["Set-Cookie"]
  if set == nil then
    ngx.header["Set-Cookie"] = baked
    return true
  end
  if type(set) ~= "table" then set = { set } end
  for i = 1, #set do
    if set[i] == baked then return true end
  end
  set[#set + 1] = baked
  ngx.header["Set-Cookie"] = set
  return true
end

return M
