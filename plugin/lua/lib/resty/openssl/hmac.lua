-- resty.openssl.hmac: HMAC
local crypto = require "gibbon.crypto"
local mac = require "resty.openssl.mac"

local M = { istype = mac.istype }

function M.new(key, name)
  name = name or "sha1"
  if not crypto.digest(name) then return nil, 'hmac.new: invalid digest type "' .. tostring(name) .. '"' end
  return mac.new(key, "HMAC", nil, name)
end

return M
