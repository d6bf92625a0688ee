-- socket.url: URLs in parts (RFC 3986).
local M = { _VERSION = "URL 1.0.3" }
local type, concat, ipairs = type, table.concat, ipairs

function M.escape(s) return (s:gsub("([^A-Za-z0-9_])", function(c) return ("%%%02x"):format(c:byte()) end)) end

function M.unescape(s) return (s:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)) end

-- What a path segment may hold unescaped.
local function escape_segment(s)
  return (s:gsub("([^A-Za-z0-9%-_%.!~%*'%(%):@&=%+%$,])", function(c) return ("%%%02x"):format(c:byte()) end))
end

-- parse(url, default) gives scheme, authority, userinfo, user, password, host, port, path, params, query, fragment.
function M.parse(url, default)
  local p = {}
  for k, v in pairs(default or p) do p[k] = v end
  if not url or url == "" then return nil, "invalid url" end
  url = url:gsub("#(.*)$", function(f) p.fragment = f return "" end)
  url = url:gsub("^([%w][%w%+%-%.]*)%:", function(s) p.scheme = s return "" end)
  url = url:gsub("^//([^/]*)", function(a) p.authority = a return "" end)
  url = url:gsub("%?(.*)", function(q) p.query = q return "" end)
  url = url:gsub("%;(.*)", function(s) p.params = s return "" end)
  if url ~= "" then p.path = url end
  local authority = p.authority
  if not authority then return p end
  authority = authority:gsub("^([^@]*)@", function(u) p.userinfo = u return "" end)
  authority = authority:gsub(":([^:%]]*)$", function(n) p.port = n return "" end)
  if authority ~= "" then p.host = authority:match("^%[(.+)%]$") or authority end
  local userinfo = p.userinfo
  if not userinfo then return p end
  userinfo = userinfo:gsub(":([^:]*)$", function(w) p.password = w return "" end)
  p.user = userinfo
  return p
end

function M.build(p)
  local url = p.path or ""
  if p.params then url = url .. ";" .. p.params end
  if p.query then url = url .. "?" .. p.query end
  local authority = p.authority
  if p.host then
    authority = p.host
    if authority:find(":", 1, true) then authority = "[" .. authority .. "]" end
    if p.port then authority = authority .. ":" .. tostring(p.port) end
    local userinfo = p.userinfo
    if p.user then
      userinfo = p.user
      if p.password then userinfo = userinfo .. ":" .. p.password end
    end
    if userinfo then authority = userinfo .. "@" .. authority end
  end
  if authority then url = "//" .. authority .. url end
  if p.scheme then url = p.scheme .. ":" .. url end
  if p.fragment then url = url .. "#" .. p.fragment end
  return url
end

-- parse_path(path) gives the unescaped segments, with is_absolute and is_directory.
function M.parse_path(path)
  local parsed = {}
  path = path or ""
  for s in path:gmatch("[^/]+") do parsed[#parsed + 1] = M.unescape(s) end
  if path:sub(1, 1) == "/" then parsed.is_absolute = 1 end
  if path:sub(-1) == "/" then parsed.is_directory = 1 end
  return parsed
end

function M.build_path(parsed, unsafe)
  local out = {}
  for i, s in ipairs(parsed) do out[i] = unsafe and s or escape_segment(s) end
  local path = concat(out, "/")
  if #out > 0 and parsed.is_directory then path = path .. "/" end
  if parsed.is_absolute then path = "/" .. path end
  return path
end

-- without_dots removes "." and ".." segments.
local function without_dots(path)
  local out, absolute = {}, path:sub(1, 1) == "/"
  local list = {}
  for s in (path .. "/"):gmatch("([^/]*)/") do list[#list + 1] = s end
  for i, s in ipairs(list) do
    local last = i == #list
    if s == "." then
      if last then out[#out + 1] = "" end
    elseif s == ".." then
      if #out > 0 and out[#out] ~= ".." and not (absolute and #out == 1) then out[#out] = nil end
      if last then out[#out + 1] = "" end
    else
      out[#out + 1] = s
    end
  end
  return concat(out, "/")
end

function M.absolute(base, relative)
  local b
  if type(base) == "table" then
    b, base = base, M.build(base)
  else
    b = M.parse(base)
  end
  if not b then return relative end
  if not relative or relative == "" then return base end
  local r = M.parse(relative)
  if not r then return base end
  if r.scheme then return relative end
  r.scheme = b.scheme
  if not r.authority then
    r.authority = b.authority
    if not r.path then
      r.path = b.path
      if not r.params then
        r.params = b.params
        if not r.query then r.query = b.query end
      end
    elseif r.path:sub(1, 1) ~= "/" then
      r.path = ((b.path or "/"):gsub("[^/]*$", "")) .. r.path
    end
  end
  if r.path then r.path = without_dots(r.path) end
  return M.build(r)
end

return M
