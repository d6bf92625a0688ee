-- NAME: what it is for, in a sentence.
local Handler = {
  -- Plugins with a higher number run earlier in each phase.
  PRIORITY = 1000,
  VERSION = "0.1.0",
}

-- Before the request goes to the service.
function Handler:access(conf)
  kong.service.request.set_header(conf.request_header, "hello")
end

-- Before the response goes to the client.
function Handler:header_filter(conf)
  kong.response.set_header(conf.response_header, "bye")
end

return Handler
