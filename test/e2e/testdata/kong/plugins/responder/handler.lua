-- Wants whole responses.
local P = { VERSION = "1.0.0", PRIORITY = 10 }

function P:response()
  kong.response.set_header("X-Responder", "1")
end

return P
