-- Bodies that the PDK decodes and encodes: forms, multipart forms, JSON.
local native = require "gibbon.native"
local args = require "gibbon.args"

local M = { FORM = "application/x-www-form-urlencoded", MULTIPART = "multipart/form-data", JSON = "application/json" }
M.decodes = { [M.FORM] = true, [M.MULTIPART] = true, [M.JSON] = true }

-- The PDK's own JSON: 16 digits, arrays marked, "/" escaped.
local json = native.json(true)
json.decode_array_with_array_mt(true)
json.encode_number_precision(16)
json.encode_escape_forward_slash(true)
json.encode_sparse_array(nil, nil, 2 ^ 15)
M.json = json

-- kind(content_type) is the media type: one of the three if the text begins with it, else lower case without parameters.
function M.kind(content_type)
  if type(content_type) ~= "string" then return tostring(content_type) end
  local lower = content_type:lower()
  for _, t in ipairs { M.FORM, M.MULTIPART, M.JSON } do
    if lower:sub(1, #t) == t then return t end
  end
  return (lower:match("^([^;]*)"):gsub("^%s+", ""):gsub("%s+$", ""))
end

local function boundary(content_type)
  return content_type:match('boundary="([^"]*)"') or content_type:match("boundary=([^;,%s]+)")
end

local function add(t, name, value)
  local old = t[name]
  if old == nil then t[name] = value
  elseif type(old) == "table" then old[#old + 1] = value
  else t[name] = { old, value } end
end

local function decode_multipart(data, content_type)
  local t, mark = {}, boundary(content_type)
  if not mark then return t end
  mark = "--" .. mark
  local at = data:find(mark, 1, true)
  while at do
    local from = at + #mark
    if data:sub(from, from + 1) == "--" then break end
    local next_at = data:find(mark, from, true)
    if not next_at then break end
    local part = data:sub(from, next_at - 1):gsub("^\r?\n", ""):gsub("\r?\n$", "")
    local head, content = part:match("^(.-)\r?\n\r?\n(.*)$")
    if not head then head, content = part, "" end
    local name = head:match('[Nn][Aa][Mm][Ee]="([^"]*)"') or head:match("[;%s][Nn][Aa][Mm][Ee]=([^;%s]+)")
    if name then add(t, name, content) end
    at = next_at
  end
  return t
end

-- decode(kind, content_type, data, max_args, notice) gives table, nil, kind or nil, text, kind.
function M.decode(kind, content_type, data, max_args, notice)
  if kind == M.JSON then
    local v = json.decode(data)
    if type(v) ~= "table" then return nil, "invalid json body", kind end
    return v, nil, kind
  end
  if kind == M.MULTIPART then return decode_multipart(data, content_type), nil, kind end
  local t, truncated = native.decode_args(data, max_args or args.post_limit())
  if truncated then kong.log.notice(notice) end
  return t, nil, kind
end

local function encode_multipart(t, content_type)
  local mark = boundary(content_type) or native.to_hex(native.random_bytes(16))
  local names = {}
  for name in pairs(t) do
    if type(name) ~= "string" then
      error(('invalid key "%s": got %s, expected string'):format(tostring(name), type(name)), 0)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  local out = {}
  for _, name in ipairs(names) do
    local v = t[name]
    if type(v) == "table" or type(v) == "function" then
      error(('invalid value "%s": got %s, expected string, number or boolean'):format(name, type(v)), 0)
    end
    if type(v) == "boolean" then
      error("bad argument #1 to 'put' (string/number/__tostring expected, got boolean)", 0)
    end
    out[#out + 1] = "--" .. mark .. '\r\nContent-Disposition: form-data; name="' .. name .. '"\r\n\r\n' .. tostring(v) .. "\r\n"
  end
  out[#out + 1] = "--" .. mark .. "--\r\n"
  return table.concat(out), "multipart/form-data; boundary=" .. mark
end

-- encode(kind, content_type, t) gives the body and the Content-Type to send, or nil and a text.
function M.encode(kind, content_type, t)
  if kind == M.JSON then
    local s, err = json.encode(t)
    return s, s and content_type or err
  end
  if kind == M.MULTIPART then return encode_multipart(t, content_type) end
  return args.encode_sorted(t), content_type
end

return M
