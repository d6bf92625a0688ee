-- pb: messages of protocol buffers as tables, in the shape of lua-protobuf. Types come from protoc, or from compiled files with load.
local types = require "gibbon.protobuf.types"
local codec = require "gibbon.protobuf.codec"
local parse = require "gibbon.protobuf.parse"
local files = require "gibbon.protobuf.files"
local type, error, pcall, next, tostring, ipairs = type, error, pcall, next, tostring, ipairs

local M = { version = "0.5.0" }
local state = types.new()

-- The types of compiled files.
local compiled
local function descriptors()
  if not compiled then
    compiled = types.new()
    types.add(compiled, parse(files["google/protobuf/descriptor.proto"], "descriptor.proto"))
  end
  return compiled
end

-- add registers a file's types; protoc calls it.
function M.add(file) types.add(state, file) end

-- compile(list): files as a FileDescriptorSet; protoc calls it.
function M.compile(list) return codec.encode(descriptors(), types.find(descriptors(), "google.protobuf.FileDescriptorSet"), { file = list }) end

-- load(bytes): the types of a FileDescriptorSet: true and how many bytes; false and a text.
function M.load(bytes)
  if type(bytes) ~= "string" then error("bad argument #1 to 'load' (string expected, got " .. type(bytes) .. ")", 2) end
  local d = descriptors()
  local ok, set = pcall(codec.decode, d, types.find(d, "google.protobuf.FileDescriptorSet"), bytes)
  if not ok then return false, set end
  for _, file in ipairs(set.file or {}) do
    local err
    ok, err = pcall(types.add, state, file)
    if not ok then return false, err end
  end
  return true, #bytes + 1
end

function M.loadfile(path)
  local f, err = io.open(path, "rb")
  if not f then return nil, err end
  local s = f:read("*a")
  f:close()
  return M.load(s)
end

local function message(name, who)
  local t = type(name) == "string" and types.find(state, name)
  if not t or t.kind == "enum" then error("bad argument #1 to '" .. who .. "' (type '" .. tostring(name) .. "' does not exists)", 3) end
  return t
end

function M.encode(name, value)
  local t = message(name, "encode")
  if type(value) ~= "table" then error("bad argument #2 to 'encode' (table expected, got " .. type(value) .. ")", 2) end
  return codec.encode(state, t, value)
end

function M.decode(name, bytes, into)
  local t = message(name, "decode")
  if bytes == nil then bytes = "" end
  if type(bytes) ~= "string" then error("bad argument #2 to 'decode' (string expected, got " .. type(bytes) .. ")", 2) end
  return codec.decode(state, t, bytes, into)
end

-- defaults(name): a message with every field's default.
function M.defaults(name)
  local out = {}
  for _, f in ipairs(message(name, "defaults").order) do
    if not f.repeated then out[f.name] = types.default(f) end
  end
  return out
end

-- type(name): name, name without package, kind; types(): the same of all.
function M.type(name)
  local t = types.find(state, name)
  if t then return t.name, t.basename, t.kind end
end

function M.types()
  local k
  return function()
    local t
    k, t = next(state.all, k)
    if t then return t.name, t.basename, t.kind end
  end
end

local function described(f)
  local kind = f.of and f.of.name or f.kind
  return f.name, f.number, kind, f.default, f.packed and "packed" or f.repeated and "repeated" or f.required and "required" or "optional", f.oneof
end

-- field(type, name or number): name, number, type, default, "optional" …, oneof; fields(type): the same of all.
function M.field(name, field)
  local t = types.find(state, name)
  if not t then return nil end
  if t.kind == "enum" then
    if type(field) == "number" then return t.by_number[field], field end
    return field, t.by_name[field]
  end
  local f = t.by_name[field] or t.by_number[field]
  if f then return described(f) end
end

function M.fields(name)
  local t = types.find(state, name)
  local i = 0
  return function()
    i = i + 1
    local f = t and t.order and t.order[i]
    if f then return described(f) end
  end
end

-- enum(type, name or number): the other of the two.
function M.enum(name, v)
  local t = types.find(state, name)
  if not t or t.kind ~= "enum" then return nil end
  if type(v) == "number" then return t.by_number[v] end
  return t.by_name[v]
end

-- clear(type): forgets a type, or all.
function M.clear(name)
  if name == nil then
    local old = state
    state = types.new()
    state.int64, state.enum_as_value, state.defaults, state.encode_default_values = old.int64, old.enum_as_value, old.defaults, old.encode_default_values
    return
  end
  local t = types.find(state, name)
  if t then state.all[t.name] = nil end
end

local OPTIONS = {
  enum_as_name = function() state.enum_as_value = nil end,
  enum_as_value = function() state.enum_as_value = true end,
  int64_as_number = function() state.int64 = "number" end,
  int64_as_string = function() state.int64 = "string" end,
  int64_as_hexstring = function() state.int64 = "hexstring" end,
  auto_default_values = function() state.defaults = nil end,
  no_default_values = function() state.defaults = "none" end,
  use_default_values = function() state.defaults = "copy" end,
  use_default_metatable = function() state.defaults = "copy" end,
  encode_default_values = function() state.encode_default_values = true end,
  no_encode_default_values = function() state.encode_default_values = nil end,
}

-- option(name): how values are read and written; raises an error for one that is none.
function M.option(name)
  local set = OPTIONS[name]
  if not set then error("bad argument #1 to 'option' (invalid option '" .. tostring(name) .. "')", 2) end
  set()
end

-- state(new): gives the types that there are, and begins anew or with those of before.
function M.state(new)
  local old = state
  state = new or types.new()
  return old
end

function M.tohex(s) return (s:gsub(".", function(c) return ("%02X "):format(c:byte()) end):gsub(" $", "")) end
function M.fromhex(s) return (s:gsub("%s", ""):gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)) end
function M.result(...) return ... end

return M
