local x509 = require "resty.openssl.x509"

local Mtls = { PRIORITY = 1600, VERSION = "1.0.0" }

function Mtls:certificate(conf)
  local ok, err = kong.client.tls.request_client_certificate()
  if not ok then kong.log.err(err) end
end

function Mtls:access(conf)
  if kong.request.get_path():sub(1, #conf.path) ~= conf.path then return end
  kong.service.request.clear_header("X-Client-Cert")
  local chain, err = kong.client.tls.get_full_client_certificate_chain()
  if err then return kong.response.exit(500, { message = err }) end
  if not chain then
    return kong.response.exit(495, { message = "client certificate required" })
  end
  local cert = assert(x509.new(chain))
  kong.service.request.set_header("X-Client-Cert", ngx.escape_uri(chain))
  kong.service.request.set_header("X-Client-Cn", cert:get_subject_name():find("CN").blob)
  kong.service.request.set_header("X-Client-Serial", cert:get_serial_number():to_hex())
  kong.service.request.set_header("X-Tls", ngx.var.ssl_protocol or "none")
  kong.service.request.set_header("X-Verify", ngx.var.ssl_client_verify or "none")
end

return Mtls
