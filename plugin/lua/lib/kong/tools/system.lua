-- kong.tools.system: the machine: name, processors, files
local op = require "gibbon.op"
local ask_node = op.ask("node.identity")
local M = {}

function M.get_hostname() return (select(2, ask_node())) end

function M.get_system_infos() return { cores = ngx.worker.count(), uname = "Linux", hostname = M.get_hostname() } end

local certificates = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" }
function M.get_system_trusted_certs_filepath()
  for _, path in ipairs(certificates) do
    local f = io.open(path)
    if f then
      f:close()
      return path
    end
  end
  return nil, "Could not find trusted certs file in any of the well-known locations"
end

return M
