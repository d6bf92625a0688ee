-- resty.hmac: running keyed digests
local native = require "gibbon.native"

local M = { _VERSION = "0.06", ALGOS = { MD5 = "md5", SHA1 = "sha1", SHA256 = "sha256", SHA512 = "sha512" } }
local methods = { __index = M }

function M.new(_, key, algorithm)
  local state, err = native.hmac_new(algorithm or "md5", tostring(key))
  if not state then return nil, err end
  return setmetatable({ state = state }, methods)
end

function M.update(self, s) return self.state:update(tostring(s)) end

function M.final(self, s, hex)
  if s then self.state:update(tostring(s)) end
  local d = self.state:final()
  return hex and native.to_hex(d) or d
end

function M.reset(self) return self.state:reset() end

return M
