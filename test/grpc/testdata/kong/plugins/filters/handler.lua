-- Looks at every response as it passes.
local P = { VERSION = "1.0.0", PRIORITY = 10 }

function P:access()
  kong.service.request.set_header("x-passed", "access")
end

function P:header_filter()
  kong.response.set_header("x-filtered", "1")
end

function P:body_filter()
  local chunk = ngx.arg[1]
  if chunk and #chunk > 0 then ngx.arg[1] = chunk end
end

function P:log()
  kong.log.serialize()
end

return P
