-- xml2lua: XML as calls of a handler (xmlhandler.tree makes tables), and tables as XML.
local find, match, sub, gsub, char, byte = string.find, string.match, string.sub, string.gsub, string.char, string.byte
local type, tostring, tonumber, error, pairs, ipairs, concat, floor = type, tostring, tonumber, error, pairs, ipairs, table.concat, math.floor

local M = { _VERSION = "1.6-2" }

local ENTITIES = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }
-- How deep elements may be nested.
local MAX_DEPTH = 1000

local function utf8(n)
  if n < 0x80 then return char(n) end
  if n < 0x800 then return char(0xc0 + floor(n / 64), 0x80 + n % 64) end
  if n < 0x10000 then return char(0xe0 + floor(n / 4096), 0x80 + floor(n / 64) % 64, 0x80 + n % 64) end
  if n < 0x110000 then return char(0xf0 + floor(n / 262144), 0x80 + floor(n / 4096) % 64, 0x80 + floor(n / 64) % 64, 0x80 + n % 64) end
  return ""
end

local function unescape(s)
  if not find(s, "&", 1, true) then return s end
  return (gsub(s, "&(#?)(x?)(%w+);", function(number, hex, name)
    if number == "" then return ENTITIES[hex .. name] end -- others, such as those of a DTD, stay
    local n = tonumber(name, hex == "x" and 16 or 10)
    return n and utf8(n)
  end))
end

local function attributes(s, strict)
  local out, any, at = {}, false, 1
  while true do
    local name, quote, from = match(s, "^%s*([^%s=/>]+)%s*=%s*([\"'])()", at)
    if not name then
      if strict and match(s, "^%s*(%S)", at) then error("Malformed attribute: " .. sub(s, at, at + 20), 0) end
      break
    end
    local stop = find(s, quote, from, true)
    if not stop then error("Malformed attribute: " .. name, 0) end
    out[name], any, at = unescape(sub(s, from, stop - 1)), true, stop + 1
  end
  return any and out or nil
end

local parser = {}
local parser_mt = { __index = parser }

-- parser(handler): handler has starttag, endtag, text and may have comment, pi, decl, cdata, dtd; tags are {name, attrs}.
function M.parser(handler)
  if handler == M then error("You must call xml2lua.parse(handler) instead of xml2lua:parse(handler)", 2) end
  return setmetatable({ handler = handler, options = { stripWS = 1, expandEntities = 1, errorHandler = function(err, pos) error(("%s [char=%d]\n"):format(err, pos), 0) end } },
    parser_mt)
end

local function call(self, name, ...)
  local h = self.handler
  if h[name] then return h[name](h, ...) end
end

local function text(self, s)
  if self.options.stripWS then s = match(s, "^%s*(.-)%s*$") end
  if s ~= "" then call(self, "text", self.options.expandEntities and unescape(s) or s) end
end

-- markup(self, s, at, stack) takes what begins with "<" at: where it ends.
local function markup(self, s, at, stack)
  local function fail(err) return self.options.errorHandler(err, at) end
  local function upto(closer, from)
    local a, b = find(s, closer, from, true)
    if not a then fail("Unexpected end of the document: " .. closer .. " is missing") end
    return a, b
  end
  if sub(s, at, at + 3) == "<!--" then
    local a, b = upto("-->", at + 4)
    call(self, "comment", sub(s, at + 4, a - 1))
    return b
  elseif sub(s, at, at + 8) == "<![CDATA[" then
    local a, b = upto("]]>", at + 9)
    if self.handler.cdata then call(self, "cdata", sub(s, at + 9, a - 1)) else call(self, "text", sub(s, at + 9, a - 1)) end
    return b
  elseif sub(s, at, at + 1) == "<?" then
    local a, b = upto("?>", at + 2)
    local name, rest = match(sub(s, at + 2, a - 1), "^(%S*)%s*(.*)$")
    call(self, name == "xml" and "decl" or "pi", { name = name, attrs = attributes(rest) or {} })
    return b
  elseif sub(s, at, at + 1) == "<!" then -- a document type; what it declares is not used
    local depth, i = 0, at
    repeat
      i = find(s, "[<>%[%]]", i + 1)
      if not i then fail("Unexpected end of the document type") end
      local c = byte(s, i)
      if c == 91 then depth = depth + 1 elseif c == 93 then depth = depth - 1 end
    until c == 62 and depth <= 0
    call(self, "dtd", { name = "DOCTYPE", value = sub(s, at, i) })
    return i
  end
  local closing = match(s, "^</%s*([^%s>]+)%s*>", at)
  if closing then
    local open = stack[#stack]
    if open ~= closing then fail("Unmatched Tag: </" .. closing .. ">") end
    stack[#stack] = nil
    call(self, "endtag", { name = closing })
    return find(s, ">", at, true)
  end
  local name, from = match(s, "^<([^%s/>]+)()", at)
  if not name then fail("Malformed markup") end
  local i, quote = from, nil -- the end of the tag is no ">" inside of quotes
  while true do
    i = find(s, quote or "[>\"']", i)
    if not i then fail("Unexpected end of the tag <" .. name .. ">") end
    local c = sub(s, i, i)
    if quote then quote = nil elseif c == ">" then break else quote = c end
    i = i + 1
  end
  local inside = sub(s, from, i - 1)
  local empty = sub(inside, -1) == "/"
  if empty then inside = sub(inside, 1, -2) end
  local tag = { name = name, attrs = attributes(inside, true) }
  call(self, "starttag", tag)
  if empty then
    call(self, "endtag", { name = name })
  else
    if #stack >= MAX_DEPTH then fail("Elements are nested too deeply") end
    stack[#stack + 1] = name
  end
  return i
end

-- parse(xml): raises an error for what is not well-formed.
function parser:parse(s)
  if type(s) ~= "string" then error("xml must be a string", 2) end
  if self.handler.reset then self.handler:reset() end
  local at, stack = 1, {}
  if sub(s, 1, 3) == "\239\187\191" then at = 4 end
  while true do
    local i = find(s, "<", at, true)
    text(self, sub(s, at, i and i - 1 or #s))
    if not i then break end
    at = markup(self, s, i, stack) + 1
  end
  if #stack > 0 then self.options.errorHandler("Unclosed Tag: <" .. stack[#stack] .. ">", #s) end
end

-- ---- tables as XML ----

local ESCAPES = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;" }
local function escape(s) return (gsub(tostring(s), '[<>&"]', ESCAPES)) end

local function sorted(t)
  local keys = {}
  for k in pairs(t) do
    if type(k) == "string" and k ~= "_attr" then keys[#keys + 1] = k end
  end
  table.sort(keys)
  return keys
end

local function attrs_of(t)
  local out = {}
  if type(t) == "table" and type(t._attr) == "table" then
    for _, k in ipairs(sorted(t._attr)) do out[#out + 1] = " " .. k .. '="' .. escape(t._attr[k]) .. '"' end
  end
  return concat(out)
end

local function write(out, name, v, level)
  local pad = ("  "):rep(level)
  if type(v) ~= "table" then
    out[#out + 1] = pad .. "<" .. name .. ">" .. escape(v) .. "</" .. name .. ">"
    return
  end
  if #v > 0 and #v > 1 or type(v[1]) == "table" then -- a list is one element each
    for _, e in ipairs(v) do write(out, name, e, level) end
    return
  end
  local keys = sorted(v)
  if #keys == 0 then
    out[#out + 1] = pad .. "<" .. name .. attrs_of(v) .. (v[1] ~= nil and ">" .. escape(v[1]) .. "</" .. name .. ">" or "/>")
    return
  end
  out[#out + 1] = pad .. "<" .. name .. attrs_of(v) .. ">" .. (v[1] ~= nil and escape(v[1]) or "")
  for _, k in ipairs(keys) do write(out, k, v[k], level + 1) end
  out[#out + 1] = pad .. "</" .. name .. ">"
end

-- toXml(table, name): XML, an element a line, keys in order. Without a name there is no root.
function M.toXml(t, name, level)
  local out = {}
  level = level or 0
  if name and name ~= "" then
    write(out, name, t, level)
  else
    for _, k in ipairs(sorted(t)) do write(out, k, t[k], level) end
  end
  return concat(out, "\n") .. "\n"
end

-- toString(table): for people.
function M.toString(t)
  if type(t) ~= "table" then return tostring(t) end
  local out = {}
  for k, v in pairs(t) do out[#out + 1] = tostring(k) .. "=" .. M.toString(v) end
  return "{" .. concat(out, ", ") .. "}"
end

function M.printable(t, level)
  level = level or 1
  for k, v in pairs(t) do
    if type(v) == "table" then
      print(("  "):rep(level) .. tostring(k))
      M.printable(v, level + 1)
    else
      print(("  "):rep(level) .. tostring(k) .. "=" .. tostring(v))
    end
  end
end

function M.loadFile(path)
  local f, err = io.open(path, "r")
  if not f then error(err, 2) end
  local s = f:read("*a")
  f:close()
  return s
end

return M
