-- kong.tools.http: queries, host names and authorities
local args = require "gibbon.args"
local M = {}

function M.encode_args(t, raw, no_array_indexes)
  if not raw then return args.encode_sorted(t) end
  local out, keys = {}, {}
  for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  for _, k in ipairs(keys) do
    local v = t[k]
    if type(v) == "table" then
      for i, x in ipairs(v) do out[#out + 1] = k .. (no_array_indexes and "" or "[" .. i .. "]") .. "=" .. tostring(x) end
    else
      out[#out + 1] = k .. "=" .. tostring(v)
    end
  end
  return table.concat(out, "&")
end

function M.decode_args(t)
  local out = {}
  for k, v in pairs(t) do
    local name, key = tostring(k):match("^(.-)%[(.-)%]$")
    if name then
      out[name] = out[name] or {}
      out[name][tonumber(key) or key] = v
    else
      out[k] = v
    end
  end
  return out
end

-- parse_http_time and the like stay ngx's. check_https(trusted, allow_terminated): whether the client spoke TLS
function M.check_https(trusted, allow_terminated)
  if ngx.var.scheme == "https" then return true end
  if not allow_terminated or not trusted then return false end
  local proto = ngx.req.get_headers()["x-forwarded-proto"]
  if type(proto) == "table" then return nil, "Only one X-Forwarded-Proto header allowed" end
  return tostring(proto):lower() == "https"
end

function M.validate_header_name(name)
  if name == nil or name == "" then return nil, "no header name provided" end
  if type(name) == "string" and name:find("^[%w%-_]+$") then return name end
  return nil, "bad header name '" .. tostring(name) .. "', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
end

function M.validate_cookie_name(name)
  if name == nil or name == "" then return nil, "no cookie name provided" end
  if name:find("^[%w%-_!.]+$") then return name end
  return nil, "bad cookie name '" .. name .. "', allowed characters are A-Z, a-z, 0-9, '_', '-', '.' and '!'"
end

function M.get_header(name, ctx_headers)
  local v = (ctx_headers or ngx.req.get_headers())[name]
  if type(v) == "table" then v = v[1] end
  return v
end

return M
