-- resty.kong.tls: TLS of the client's connection and of that to the service, which the PDK has as kong.client.tls and kong.service
local M = {}

-- tried(f, ...): true, or nil and what f returned or raised as its error.
local function tried(f, ...)
  local ok, done, err = pcall(f, ...)
  if not ok then return nil, tostring(done) end
  if err ~= nil then return nil, err end
  return true
end

function M.request_client_certificate(ca_certs) return kong.client.tls.request_client_certificate(ca_certs) end
function M.disable_session_reuse() return kong.client.tls.disable_session_reuse() end
function M.disable_http2_alpn() return kong.client.tls.disable_http2_alpn() end
function M.get_full_client_certificate_chain() return kong.client.tls.get_full_client_certificate_chain() end

function M.set_upstream_cert_and_key(chain, key) return tried(kong.service.set_tls_cert_key, chain, key) end
function M.set_upstream_ssl_verify(on) return tried(kong.service.set_tls_verify, on) end
function M.set_upstream_ssl_verify_depth(depth) return tried(kong.service.set_tls_verify_depth, depth) end

-- set_upstream_ssl_trusted_store(store): a resty.openssl.x509.store, or its ctx.
function M.set_upstream_ssl_trusted_store(store)
  if type(store) == "cdata" then store = { ctx = store } end
  return tried(kong.service.set_tls_verify_store, store)
end

-- disable_proxy_ssl: the L4 session goes on to the service in plain text.
function M.disable_proxy_ssl()
  local disable = kong.service.request.disable_tls
  if not disable then return nil, "only sessions on L4 can go on without TLS" end
  return tried(disable)
end

return M
