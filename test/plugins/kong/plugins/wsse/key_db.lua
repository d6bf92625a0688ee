local Object = require "classic"
local singletons = require "kong.singletons"

local KeyDb = Object:extend()

function KeyDb.cache_key(username) return "wsse_keys:" .. username end

local function load_credential(username)
  local key, err = kong.db.wsse_keys:select_by_key(username)
  if err then return nil, err end
  return key
end

function KeyDb:find_by_username(username)
  local cache = singletons.cache or kong.cache
  local key, err = cache:get(KeyDb.cache_key(username), nil, load_credential, username)
  if err then error({ msg = "WSSE key could not be loaded from DB." }) end
  if key == nil then error({ msg = "Credentials are invalid." }) end
  return key
end

return KeyDb
