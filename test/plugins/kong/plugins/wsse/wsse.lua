local Object = require "classic"
local base64 = require "base64"
local sha1 = require "resty.sha1"
local str = require "resty.string"
local date = require "date"

local Wsse = Object:extend()

function Wsse:new(key_db, timeframe)
  self.key_db = key_db
  self.timeframe = timeframe
end

local function parse(header)
  if not header then error({ msg = "WSSE authentication header is missing." }) end
  local function field(name) return header:match('[%s,]' .. name .. '%s*=%s*"([^"]*)"') end
  local p = { username = field "Username", digest = field "PasswordDigest", nonce = field "Nonce", created = field "Created" }
  for _, name in ipairs { "username", "digest", "nonce", "created" } do
    if not p[name] then error({ msg = "The " .. name .. " field is missing from WSSE authentication header." }) end
  end
  return p
end

local function password_digest(nonce, created, secret)
  local h = sha1:new()
  h:update(nonce .. created .. secret)
  return base64.encode(str.to_hex(h:final()))
end

function Wsse:authenticate(header)
  local p = parse(header)
  local key = self.key_db:find_by_username(p.username)
  if password_digest(p.nonce, p.created, key.secret) ~= p.digest then error({ msg = "Credentials are invalid." }) end
  local ok, created = pcall(date, p.created)
  if not ok or math.abs(date.diff(date(true), created):spanminutes()) > self.timeframe then error({ msg = "Timeframe is invalid." }) end
  return key
end

return Wsse
