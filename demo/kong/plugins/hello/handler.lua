-- Greets whoever asks: the upstream sees X-Greeting, the client sees X-Hello.
local Hello = {
  PRIORITY = 1000,
  VERSION = "1.0.0",
}

function Hello:access(conf)
  local name = kong.request.get_header("X-Name") or "stranger"
  local greeting = conf.greeting .. ", " .. name .. "!"
  kong.ctx.plugin.greeting = greeting
  kong.service.request.set_header("X-Greeting", greeting)
end

function Hello:header_filter(conf)
  -- Not set where the answer is the gateway's own and access did not run.
  local greeting = kong.ctx.plugin.greeting
  if greeting then
    kong.response.set_header("X-Hello", greeting)
  end
end

function Hello:log(conf)
  kong.log.notice("answered ", kong.request.get_path(), " with ", kong.response.get_status())
end

return Hello
