-- xmlhandler.dom: a document as nodes {_type, _name, _attr, _children, _parent}.
local M = {}
M.__index = M

function M.new(_)
  local self = setmetatable({ options = { commentNode = 1, piNode = 1, dtdNode = 1, declNode = 1 } }, M)
  self:reset()
  return self
end

function M:reset()
  self.root = { _children = {}, _type = "ROOT" }
  self.current = self.root
end

local function add(self, node)
  node._parent = self.current
  table.insert(self.current._children, node)
end

function M:starttag(tag)
  local node = { _type = "ELEMENT", _name = tag.name, _attr = tag.attrs, _children = {} }
  add(self, node)
  self.current = node
end

function M:endtag() self.current = self.current._parent end
function M:text(s) add(self, { _type = "TEXT", _text = s }) end
function M:comment(s) if self.options.commentNode then add(self, { _type = "COMMENT", _text = s }) end end
function M:pi(tag) if self.options.piNode then add(self, { _type = "PI", _name = tag.name, _attr = tag.attrs }) end end
function M:decl(tag) if self.options.declNode then add(self, { _type = "DECL", _name = tag.name, _attr = tag.attrs }) end end
function M:dtd(tag) if self.options.dtdNode then add(self, { _type = "DTD", _name = tag.name, _text = tag.value }) end end
M.cdata = M.text

M.options = { commentNode = 1, piNode = 1, dtdNode = 1, declNode = 1 }
M:reset()

return M
