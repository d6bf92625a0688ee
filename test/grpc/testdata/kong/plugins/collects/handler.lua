-- Looks at every response as a whole.
local P = { VERSION = "1.0.0", PRIORITY = 10 }

function P:access()
  kong.service.request.set_header("x-passed", "access")
end

function P:response()
  kong.service.response.get_raw_body()
  kong.response.set_header("x-collected", "1")
end

function P:log()
  kong.log.serialize()
end

return P
