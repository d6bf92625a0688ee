-- kong.dns: names resolved by the gateway's own resolver.
local op = require "gibbon.op"
local wait_resolve = op.wait("dns.resolve")

local M = {}

-- resolve(name, opts) gives a list of records or nil, text.
function M.resolve(name, opts)
  if type(name) ~= "string" then return nil, "dns server error: name must be a string" end
  return wait_resolve(name, type(opts) == "table" and opts.qtype or nil)
end

-- toip(name, port) gives an address and a port, or nil, text.
function M.toip(name, port)
  local records, err = M.resolve(name)
  if not records then return nil, err end
  local r = records[1]
  if not r then return nil, "dns server error: 3 name error" end
  return r.address or r.target, r.port or port
end

return M
