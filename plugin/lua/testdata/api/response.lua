-- kong.response and kong.service.response before and after the service's answer.
function P:access()
  throws("early", 'function cannot be called in access phase (only in: response, header_filter, body_filter, log)', kong.service.response.get_status)
  throws("exit status", "code must be a number", kong.response.exit, "x")
  throws("exit range", "code must be a number between 100 and 599", kong.response.exit, 99)
  throws("exit body", "body must be a nil, string or table", kong.response.exit, 200, print)
  throws("exit headers", "headers must be a nil or table", kong.response.exit, 200, "x", 1)
end

function P:header_filter()
  local r, s = kong.response, kong.service.response
  is("status", "201, 201", r.get_status(), s.get_status())
  is("source", '"service"', r.get_source())
  is("headers", '"1", {"1" "2"}, "1"', r.get_header("x-up"), r.get_headers()["X-Up"], s.get_header("x-up"))
  r.set_header("X-New", "a")
  r.add_header("X-New", "b")
  is("new", '{"a" "b"}', ngx.header["x-new"])
  r.clear_header("X-Up")
  is("cleared", 'nil', r.get_header("X-Up"))
  r.set_status(202)
  is("set", "202, 202", r.get_status(), ngx.status)
  throws("status", "code must be a number", r.set_status, "x")
  throws("range", "code must be a number between 100 and 599", r.set_status, 600)
  throws("header name", 'invalid header name "nil": got nil, expected string', r.set_header)
  ngx.header.x_low = "z"
  is("underscore", '"z"', r.get_header("x-low"))
  ngx.header["X-New"] = nil
  is("removed", "nil", ngx.header["X-New"])
  r.set_headers({ ["X-M"] = { "1", "2" } })
  is("many", '{"1" "2"}', r.get_headers()["x-m"])
end

function P:body_filter()
  is("chunk", '"from the service", true', ngx.arg[1], ngx.arg[2])
  is("whole", '"from the service"', kong.response.get_raw_body())
  kong.response.set_raw_body("replaced")
  is("replaced", '"replaced"', ngx.arg[1])
  throws("phase", 'function cannot be called in body_filter phase (only in: rewrite, access, balancer, response, header_filter, error, admin_api)', kong.response.set_header, "a", "b")
end

function P:log() is("log", "202", kong.response.get_status()) end
