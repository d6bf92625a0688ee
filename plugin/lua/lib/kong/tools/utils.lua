-- kong.tools.utils: the functions of all tools in one table, as plugins of old times use it
local M = {}

for _, name in ipairs { "string", "table", "rand", "uuid", "sha256", "gzip", "time", "ip", "uri", "http", "mime_type", "module", "system" } do
  for k, v in pairs(require("kong.tools." .. name)) do
    if M[k] == nil then M[k] = v end
  end
end

local string_tools = require "kong.tools.string"
M.split = function(s, delimiter) return string_tools.split(s, delimiter) end
M.uuid = require("kong.tools.uuid").uuid
M.hostname_check = M.check_hostname
M.pack, M.unpack = require("kong.tools.table").pack, require("kong.tools.table").unpack

return M
