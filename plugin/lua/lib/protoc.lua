-- protoc: .proto files as types of pb.
local pb = require "pb"
local parse = require "gibbon.protobuf.parse"
local known = require "gibbon.protobuf.files"
local type, error, pcall, ipairs, setmetatable = type, error, pcall, ipairs, setmetatable

local M = { paths = { "", "." }, loaded = {} }
M.__index = M

-- new(): a compiler of its own: include_imports, unknown_import (true or a function) may be set.
function M.new() return setmetatable({ paths = { "", "." }, loaded = {} }, M) end

function M:addpath(path) table.insert(self.paths, path) end
function M:reset() self.paths, self.loaded = { "", "." }, {} end
function M.reload() pb.clear() end

local function read(self, name)
  for _, dir in ipairs(self.paths) do
    local f = io.open(dir ~= "" and dir .. "/" .. name or name, "rb")
    if f then
      local s = f:read("*a")
      f:close()
      if s then return s end
    end
  end
  return known[name]
end

-- gather parses a file and what it imports, imports first.
local function gather(self, text, name, list, seen)
  local file = parse(text, name)
  file.name = name or "<input>"
  for _, import in ipairs(file.dependency) do
    if not seen[import] then
      seen[import] = true
      local s = read(self, import)
      if s then
        gather(self, s, import, list, seen)
      elseif type(self.unknown_import) == "function" then
        self.unknown_import(self, import)
      elseif not self.unknown_import then
        error("module load error: " .. import .. ": no such file on the paths of protoc", 0)
      end
    end
  end
  list[#list + 1] = file
  return list
end

local function load(self, text, name)
  local list = gather(self, text, name, {}, { [name or ""] = true })
  for _, file in ipairs(list) do
    pb.add(file)
    self.loaded[file.name] = file
  end
  return list
end

-- load(text, name): the types of a file, and of what it imports, for pb: true. Raises an error "name:line: what".
function M:load(text, name)
  load(self, text, name)
  return true, #text + 1
end

function M:loadfile(name)
  local s = read(self, name)
  if not s then error("module load error: " .. name .. ": no such file on the paths of protoc", 0) end
  return self:load(s, name)
end

-- parse(text, name): the file descriptor, of which nothing is registered.
function M:parse(text, name) return parse(text, name) end
function M:parsefile(name) return parse(read(self, name) or error(name .. ": no such file", 0), name) end

-- compile(text, name): a FileDescriptorSet that pb.load takes; with include_imports what it imports, too.
function M:compile(text, name)
  local before = pb.state()
  local ok, list = pcall(load, self, text, name)
  pb.state(before)
  if not ok then error(list, 0) end
  return pb.compile(self.include_imports and list or { list[#list] })
end

function M:compilefile(name) return self:compile(read(self, name) or error(name .. ": no such file", 0), name) end

return M
