-- bgcrypto.sha1: SHA-1
local M = {}
local methods = {}
local mt = { __index = methods }

function M.digest(s, as_hex)
  local d = ngx.sha1_bin(s)
  return as_hex and require("resty.string").to_hex(d) or d
end

function M.new() return setmetatable({ state = require("resty.sha1"):new() }, mt) end
function methods:update(s)
  self.state:update(s)
  return self
end
function methods:digest(as_hex)
  local d = self.state:final()
  return as_hex and require("resty.string").to_hex(d) or d
end

return M
