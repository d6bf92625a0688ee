-- ngx.ocsp: OCSP stapling by plugins is not supported by this gateway.
local function refused() return nil, "OCSP is not supported by this gateway" end

return { version = "0.1.28", get_ocsp_responder_from_der_chain = refused, create_ocsp_request = refused, validate_ocsp_response = refused,
  set_ocsp_status_resp = refused }
