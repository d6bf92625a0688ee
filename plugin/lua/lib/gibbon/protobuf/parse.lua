-- The language of .proto files (proto2 and proto3) as tables with the names of google.protobuf.FileDescriptorProto. Names of types stay
-- as they are written; gibbon.protobuf.types finds out what they are.
local find, sub, match, gsub, char, tonumber, error, format = string.find, string.sub, string.match, string.gsub, string.char, tonumber, error, string.format

local SCALARS = {}
for name in ("double float int64 uint64 int32 fixed64 fixed32 bool string bytes uint32 sfixed32 sfixed64 sint32 sint64"):gmatch("%S+") do
  SCALARS[name] = "TYPE_" .. name:upper()
end

local lexer = {}
lexer.__index = lexer

local function fail(self, what)
  local _, line = gsub(sub(self.text, 1, self.at), "\n", "")
  error(format("%s:%d: %s", self.name, line + 1, what), 0)
end

local ESCAPES = { n = "\n", r = "\r", t = "\t", a = "\a", b = "\b", f = "\f", v = "\v" }

local function unquote(s)
  return (gsub(s, "\\(x?)(%x?%x?%x?)(.?)", function(hex, digits, other)
    if hex == "x" and digits ~= "" then return char(tonumber(sub(digits, 1, 2), 16)) .. sub(digits, 3) .. other end
    local octal = match(digits, "^[0-7]+")
    if hex == "" and octal then return char(tonumber(octal, 8) % 256) .. sub(digits, #octal + 1) .. other end
    local c = hex .. digits .. other
    return (ESCAPES[sub(c, 1, 1)] or sub(c, 1, 1)) .. sub(c, 2)
  end))
end

-- next gives the next token and its kind: name, number, string or the character itself; nil at the end.
function lexer:next()
  if self.peeked then
    local token, kind = self.peeked, self.peeked_kind
    self.peeked = nil
    return token, kind
  end
  local text, at = self.text, self.at
  while true do
    at = find(text, "%S", at)
    if not at then
      self.at = #text + 1
      return nil
    end
    if sub(text, at, at + 1) == "//" then
      at = find(text, "\n", at, true) or #text + 1
    elseif sub(text, at, at + 1) == "/*" then
      local _, stop = find(text, "*/", at + 2, true)
      if not stop then fail(self, "unclosed comment") end
      at = stop + 1
    else
      break
    end
  end
  self.at = at
  local token, stop = match(text, "^(%.?[%a_][%w_%.]*)()", at)
  if token then
    self.at = stop
    return token, "name"
  end
  token, stop = match(text, "^([%+%-]?0[xX]%x+)()", at)
  if not token then token, stop = match(text, "^([%+%-]?%.?%d[%w%.]*[eE][%+%-]?%d+)()", at) end
  if not token then token, stop = match(text, "^([%+%-]?%.?%d[%d%.]*)()", at) end
  if token then
    self.at = stop
    return token, "number"
  end
  local quote = match(text, "^[\"']", at)
  if quote then
    local from = at + 1
    local i = from
    while true do
      i = find(text, "[\\\n" .. quote .. "]", i)
      if not i or sub(text, i, i) == "\n" then fail(self, "unclosed string") end
      if sub(text, i, i) == quote then break end
      i = i + 2
    end
    self.at = i + 1
    return unquote(sub(text, from, i - 1)), "string"
  end
  self.at = at + 1
  return sub(text, at, at), sub(text, at, at)
end

function lexer:peek()
  if not self.peeked then self.peeked, self.peeked_kind = self:next() end
  return self.peeked, self.peeked_kind
end

function lexer:expect(what, kind)
  local token, k = self:next()
  if kind and k ~= kind or not kind and token ~= what then fail(self, what .. " expected near '" .. tostring(token) .. "'") end
  return token
end

function lexer:try(what)
  if self:peek() == what then
    self:next()
    return true
  end
end

-- skip passes over what stands between brackets, the first of which was read, or up to a semicolon.
local OPEN, CLOSE = { ["{"] = true, ["["] = true, ["("] = true }, { ["}"] = true, ["]"] = true, [")"] = true }
local function skip(self)
  local depth = 0
  while true do
    local token, kind = self:next()
    if not token then fail(self, "unexpected end") end
    if kind ~= "string" then
      if OPEN[token] then depth = depth + 1 end
      if CLOSE[token] then
        depth = depth - 1
        if depth == 0 and token == "}" then return end
      end
      if token == ";" and depth == 0 then return end
    end
  end
end

local function constant(self)
  local token, kind = self:next()
  if token == "{" then
    self.peeked, self.peeked_kind = "{", "{"
    local depth = 0
    repeat
      local t = self:next()
      if not t then fail(self, "unexpected end") end
      if t == "{" then depth = depth + 1 elseif t == "}" then depth = depth - 1 end
    until depth == 0
    return nil
  end
  if kind == "string" then
    while select(2, self:peek()) == "string" do token = token .. self:next() end
  elseif token == "-" or token == "+" then
    token = token .. self:next()
  end
  return token, kind
end

-- option reads "name = value" behind "option" or inside of brackets: name and value.
local function option(self)
  local name = self:next()
  if name == "(" then
    name = "(" .. self:expect("name", "name") .. self:expect(")")
    local more, kind = self:peek()
    if kind == "name" and sub(more, 1, 1) == "." then self:next() end
  end
  self:expect("=")
  return name, (constant(self))
end

local function field_options(self, field)
  if not self:try("[") then return end
  repeat
    local name, value = option(self)
    if name == "default" then field.default_value = value
    elseif name == "json_name" then field.json_name = value
    elseif name == "packed" then field.options = { packed = value == "true" }
    elseif name == "deprecated" then field.options = field.options or {} end
  until not self:try(",")
  self:expect("]")
end

local MAX_DEPTH = 32
local message, enum

local function camel(s) return (gsub(gsub(s, "^%l", string.upper), "_(%w)", string.upper)) end

local function number_of(self)
  local n = tonumber(self:expect("number", "number"))
  if not n or n < 1 or n > 536870911 then fail(self, "a field's number is between 1 and 536870911") end
  return n
end

local function field(self, owner, kind, label, oneof)
  local f = { label = label or "LABEL_OPTIONAL", oneof_index = oneof }
  if kind == "group" then fail(self, "groups are not supported") end
  if kind == "map" then
    self:expect("<")
    local key = self:expect("name", "name")
    self:expect(",")
    local value = self:expect("name", "name")
    self:expect(">")
    f.name = self:expect("name", "name")
    local function part(name, number, t) return { name = name, number = number, label = "LABEL_OPTIONAL", type = SCALARS[t], type_name = not SCALARS[t] and t or nil } end
    local entry = { name = camel(f.name) .. "Entry", field = { part("key", 1, key), part("value", 2, value) }, options = { map_entry = true } }
    owner.nested_type = owner.nested_type or {}
    table.insert(owner.nested_type, entry)
    f.label, f.type, f.type_name = "LABEL_REPEATED", "TYPE_MESSAGE", entry.name
  else
    f.type = SCALARS[kind]
    f.type_name = not f.type and kind or nil
    f.name = self:expect("name", "name")
  end
  self:expect("=")
  f.number = number_of(self)
  field_options(self, f)
  self:expect(";")
  owner.field = owner.field or {}
  table.insert(owner.field, f)
end

local function oneof(self, m)
  m.oneof_decl = m.oneof_decl or {}
  table.insert(m.oneof_decl, { name = self:expect("name", "name") })
  local index = #m.oneof_decl - 1
  self:expect("{")
  while not self:try("}") do
    local token = self:expect("name", "name")
    if token == "option" then
      option(self)
      self:expect(";")
    else
      field(self, m, token, nil, index)
    end
  end
end

local LABELS = { optional = "LABEL_OPTIONAL", required = "LABEL_REQUIRED", repeated = "LABEL_REPEATED" }

function message(self, depth)
  if depth > MAX_DEPTH then fail(self, "messages are nested too deeply") end
  local m = { name = self:expect("name", "name") }
  self:expect("{")
  while not self:try("}") do
    local token = self:next()
    if token == nil then fail(self, "unexpected end") end
    if token == "message" then
      m.nested_type = m.nested_type or {}
      table.insert(m.nested_type, message(self, depth + 1))
    elseif token == "enum" then
      m.enum_type = m.enum_type or {}
      table.insert(m.enum_type, enum(self))
    elseif token == "oneof" then oneof(self, m)
    elseif token == "option" then
      option(self)
      self:expect(";")
    elseif token == "extensions" or token == "reserved" or token == "extend" then skip(self)
    elseif token ~= ";" then
      if LABELS[token] then field(self, m, self:expect("name", "name"), LABELS[token]) else field(self, m, token) end
    end
  end
  return m
end

function enum(self)
  local e = { name = self:expect("name", "name"), value = {} }
  self:expect("{")
  while not self:try("}") do
    local token = self:next()
    if token == nil then fail(self, "unexpected end") end
    if token == "option" then
      option(self)
      self:expect(";")
    elseif token == "reserved" then skip(self)
    elseif token ~= ";" then
      self:expect("=")
      local v = { name = token, number = tonumber((constant(self))) }
      if not v.number then fail(self, "a number is expected for " .. token) end
      field_options(self, {})
      self:expect(";")
      e.value[#e.value + 1] = v
    end
  end
  return e
end

local function service(self)
  local s = { name = self:expect("name", "name"), method = {} }
  self:expect("{")
  while not self:try("}") do
    local token = self:next()
    if token == nil then fail(self, "unexpected end") end
    if token == "rpc" then
      local m = { name = self:expect("name", "name") }
      for _, side in ipairs { "input_type", "output_type" } do
        self:expect("(")
        local name = self:expect("name", "name")
        if name == "stream" and self:peek() ~= ")" then
          m[side == "input_type" and "client_streaming" or "server_streaming"] = true
          name = self:expect("name", "name")
        end
        m[side] = name
        self:expect(")")
        if side == "input_type" then self:expect("returns") end
      end
      if self:peek() == "{" then skip(self) else self:expect(";") end
      s.method[#s.method + 1] = m
    elseif token == "option" then
      option(self)
      self:expect(";")
    end
  end
  return s
end

-- parse(text, name): raises an error "name:line: what" for what is no .proto.
return function(text, name)
  local self = setmetatable({ text = text, at = 1, name = name or "<input>" }, lexer)
  local file = { name = name, syntax = "proto2", message_type = {}, enum_type = {}, service = {}, dependency = {} }
  while true do
    local token = self:next()
    if token == nil then return file end
    if token == "syntax" or token == "edition" then
      self:expect("=")
      file.syntax = token == "edition" and "proto3" or self:expect("string", "string")
      if token == "edition" then self:next() end
      self:expect(";")
    elseif token == "package" then
      file.package = self:expect("name", "name")
      self:expect(";")
    elseif token == "import" then
      local what, kind = self:next()
      if kind == "name" then what = self:next() end -- public, weak
      table.insert(file.dependency, what)
      self:expect(";")
    elseif token == "option" then
      option(self)
      self:expect(";")
    elseif token == "message" then table.insert(file.message_type, message(self, 1))
    elseif token == "enum" then table.insert(file.enum_type, enum(self))
    elseif token == "service" then table.insert(file.service, service(self))
    elseif token == "extend" then skip(self)
    elseif token ~= ";" then fail(self, "unexpected '" .. tostring(token) .. "'") end
  end
end
