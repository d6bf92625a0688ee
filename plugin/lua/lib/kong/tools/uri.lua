-- kong.tools.uri: escaping and normalizing
local M = {}

-- normalize(uri, merge_slashes): unreserved escapes decoded, dot segments removed
function M.normalize(uri, merge_slashes)
  uri = uri:gsub("%%(%x%x)", function(h)
    local c = string.char(tonumber(h, 16))
    return c:find("[:/?#%[%]@!$&'()*+,;=%%]") and "%" .. h:upper() or c
  end)
  if merge_slashes then uri = uri:gsub("/+", "/") end
  local out, absolute, last = {}, uri:sub(1, 1) == "/", nil
  for segment in uri:gmatch("[^/]*") do
    last = segment
    if segment == ".." then out[#out] = nil
    elseif segment ~= "." and (segment ~= "" or not merge_slashes) then out[#out + 1] = segment end
  end
  local path = table.concat(out, "/")
  if absolute and path:sub(1, 1) ~= "/" then path = "/" .. path end
  if (last == "." or last == ".." or (last == "" and merge_slashes)) and path:sub(-1) ~= "/" then path = path .. "/" end
  return path
end

-- escape(uri) escapes what may not stand in a path or query.
function M.escape(uri)
  return (uri:gsub("[^!#$%%&'()*+,%-./0-9:;=?@A-Z%[%]_a-z~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

return M
