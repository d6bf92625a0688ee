-- xmlhandler.tree: a document as tables. An element is a table of its children by name; several of one name are a list; one that has
-- nothing but text is that text; attributes are in _attr.
local M = {}
M.__index = M

-- new(): options.noreduce names elements that stay lists.
function M.new(_)
  local self = setmetatable({ options = { noreduce = {} } }, M)
  self:reset()
  return self
end

function M:reset()
  self.root = {}
  self._stack = { self.root }
end

local function add(parent, name, v, keep)
  local there = parent[name]
  if there == nil then
    parent[name] = keep and { v } or v
  elseif type(there) == "table" and getmetatable(there) == "list" then
    there[#there + 1] = v
  elseif keep then
    there[#there + 1] = v
  else
    parent[name] = setmetatable({ there, v }, { __metatable = "list" })
  end
end

function M:starttag(tag)
  local node = {}
  if tag.attrs and next(tag.attrs) then node._attr = tag.attrs end
  self._stack[#self._stack + 1] = node
end

function M:endtag(tag)
  local stack = self._stack
  local node = stack[#stack]
  stack[#stack] = nil
  local keys = 0
  for _ in pairs(node) do keys = keys + 1 end
  if keys == 1 and type(node[1]) == "string" then node = node[1] end
  add(stack[#stack], tag.name, node, self.options.noreduce[tag.name])
end

function M:text(s)
  local node = self._stack[#self._stack]
  node[#node + 1] = s
end
M.cdata = M.text

-- The module itself serves as a handler, too.
M.options = { noreduce = {} }
M:reset()

return M
