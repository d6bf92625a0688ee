-- kong.tools.mime_type: media types, and whether one includes another
local M = {}

-- parse_mime_type(s): type, subtype, parameters; nil for what is none
function M.parse_mime_type(s)
  if type(s) ~= "string" then return nil end
  local kind, sub, rest = s:match("^%s*([^/;%s]+)/([^/;%s]+)%s*(.*)$")
  if not kind then return nil end
  local params = {}
  for name, value in rest:gmatch(";%s*([^=;%s]+)%s*=%s*([^;]*)") do
    value = value:gsub("%s+$", "")
    params[name:lower()] = value:match('^"(.*)"$') or value
  end
  return kind:lower(), sub:lower(), params
end

-- includes(this, other) says whether the first, which may have wildcards, covers the second.
function M.includes(this, other)
  if not this or not other then return false end
  return (this.type == "*" or this.type == other.type) and (this.subtype == "*" or this.subtype == other.subtype)
end

return M
