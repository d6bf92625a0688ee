-- ngx.ssl.session: sessions of TLS are kept by the gateway in tickets, so the phases that fetch and store them do not exist,
-- and these functions are refused as they are in every other phase.
local function refused() error("API disabled in the current context", 2) end

return { version = "0.1.28", get_session_id = refused, get_serialized_session = refused, set_serialized_session = refused }
