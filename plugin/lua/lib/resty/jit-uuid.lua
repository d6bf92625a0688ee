-- resty.jit-uuid: UUIDs of versions 3, 4 and 5
local native = require "gibbon.native"
local uuid = require "kong.tools.uuid"

local M = { _VERSION = "0.0.7" }

function M.seed(v) return v or 0 end
function M.generate_v4() return uuid.uuid() end
function M.is_valid(s) return type(s) == "string" and s:find("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$") ~= nil end

-- named is a factory of the ids that a digest of a namespace and a name gives.
local function named(digest, version)
  return function(namespace)
    if not M.is_valid(namespace) then return nil, "namespace must be a valid UUID" end
    local bytes = namespace:gsub("%-", ""):gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)
    return function(name)
      if type(name) ~= "string" then return nil, "name must be a string" end
      local h = native.to_hex(native.digest(digest, bytes .. name))
      local variant = ("%x"):format(tonumber(h:sub(17, 17), 16) % 4 + 8)
      return h:sub(1, 8) .. "-" .. h:sub(9, 12) .. "-" .. version .. h:sub(14, 16) .. "-" .. variant .. h:sub(18, 20) .. "-" .. h:sub(21, 32)
    end
  end
end

M.factory_v3, M.factory_v5 = named("md5", "3"), named("sha1", "5")

function M.generate_v3(namespace, name)
  local f, err = M.factory_v3(namespace)
  if not f then return nil, err end
  return f(name)
end

function M.generate_v5(namespace, name)
  local f, err = M.factory_v5(namespace)
  if not f then return nil, err end
  return f(name)
end

return setmetatable(M, { __call = M.generate_v4 })
