-- multipart: forms of multipart/form-data, read and written.
local setmetatable, tostring, type, ipairs, pairs, concat, remove = setmetatable, tostring, type, ipairs, pairs, table.concat, table.remove

local M = {}
M.__index = M

local function boundary_of(content_type)
  if type(content_type) ~= "string" then return nil end
  return content_type:match('boundary="([^"]+)"') or content_type:match("boundary=([^;%s]+)")
end

-- parse gives the parts of body in order.
local function parse(body, boundary)
  local parts, mark = {}, "--" .. boundary
  local at = body:find(mark, 1, true)
  while at do
    local from = at + #mark
    if body:sub(from, from + 1) == "--" then break end
    local _, line_end = body:find("\r?\n", from)
    local next_at = line_end and body:find(mark, line_end, true)
    if not next_at then break end
    local text = body:sub(line_end + 1, next_at - 1):gsub("\r?\n$", "")
    local head, value = text:match("^(.-)\r?\n\r?\n(.*)$")
    if not head then head, value = text, "" end
    local headers, name = {}, nil
    for line in (head .. "\n"):gmatch("([^\r\n]+)\r?\n") do
      headers[#headers + 1] = line
      if line:lower():find("^content%-disposition:") then name = line:match('[; ]name="([^"]*)"') or line:match("[; ]name=([^;%s]+)") end
    end
    if name then parts[#parts + 1] = { name = name, headers = headers, value = value } end
    at = next_at
  end
  return parts
end

local function new(_, body, content_type)
  local self = setmetatable({ boundary = boundary_of(content_type), parts = {} }, M)
  if body and self.boundary then self.parts = parse(body, self.boundary) end
  self._data = { data = self.parts }
  return self
end

function M:get(name)
  for _, p in ipairs(self.parts) do
    if p.name == name then return p end
  end
end

function M:get_as_array(name)
  local out = {}
  for _, p in ipairs(self.parts) do
    if p.name == name then out[#out + 1] = p.value end
  end
  return out
end

function M:get_all()
  local out = {}
  for _, p in ipairs(self.parts) do out[p.name] = p.value end
  return out
end

function M:get_all_as_arrays()
  local out = {}
  for _, p in ipairs(self.parts) do
    out[p.name] = out[p.name] or {}
    out[p.name][#out[p.name] + 1] = p.value
  end
  return out
end

function M:get_all_with_arrays()
  local out = self:get_all_as_arrays()
  for k, v in pairs(out) do
    if #v == 1 then out[k] = v[1] end
  end
  return out
end

function M:set_simple(name, value, filename, content_type)
  local headers = { 'Content-Disposition: form-data; name="' .. name .. '"' .. (filename and '; filename="' .. filename .. '"' or "") }
  if content_type then headers[2] = "Content-Type: " .. content_type end
  local part = { name = name, headers = headers, value = tostring(value) }
  for i, p in ipairs(self.parts) do
    if p.name == name then
      self.parts[i] = part
      return
    end
  end
  self.parts[#self.parts + 1] = part
end

function M:set_array_elements(name, values)
  self:delete(name)
  for _, v in ipairs(values) do
    self.parts[#self.parts + 1] = { name = name, headers = { 'Content-Disposition: form-data; name="' .. name .. '"' }, value = tostring(v) }
  end
end

function M:delete(name)
  for i = #self.parts, 1, -1 do
    if self.parts[i].name == name then remove(self.parts, i) end
  end
end

function M:tostring()
  if not self.boundary then self.boundary = require("kong.tools.rand").random_string() end
  local out = {}
  for _, p in ipairs(self.parts) do
    out[#out + 1] = "--" .. self.boundary .. "\r\n" .. concat(p.headers, "\r\n") .. "\r\n\r\n" .. p.value .. "\r\n"
  end
  out[#out + 1] = "--" .. self.boundary .. "--\r\n"
  return concat(out)
end

return setmetatable(M, { __call = new })
