--[[ request
GET /Path%20x/to?a=1&b=&c&a=2&d%20e=f+g HTTP/1.1
Host: Example.test:8000
X-One: first
X-Two: a
X-Two: b
Content-Type: text/plain
]]
-- kong.request, kong.client and ngx.req of a request.
function P:access()
  local r = kong.request
  is("line", '"GET", "http", "example.test", 8000, 1.1', r.get_method(), r.get_scheme(), r.get_host(), r.get_port(), r.get_http_version())
  is("path", '"/Path x/to", "/Path%20x/to", "/Path%20x/to?a=1&b=&c&a=2&d%20e=f+g"', r.get_path(), r.get_raw_path(), r.get_path_with_query())
  is("query", '"a=1&b=&c&a=2&d%20e=f+g", {a={"1" "2"} b="" c=true d e="f g"}, nil', r.get_raw_query(), r.get_query())
  is("args", '"1", "", true, nil, "f g"', r.get_query_arg("a"), r.get_query_arg("b"), r.get_query_arg("c"), r.get_query_arg("z"), r.get_query_arg("d e"))
  is("headers", '"first", "a", "first", nil', r.get_header("X-One"), r.get_header("x-two"), r.get_header("x_one"), r.get_header("none"))
  is("all", '{content-type="text/plain" host="Example.test:8000" x-one="first" x-two={"a" "b"}}, nil', r.get_headers())
  is("some", '"truncated"', select(2, r.get_headers(1)))
  is("forwarded", '"http", "example.test", 8000, "/Path x/to"', r.get_forwarded_scheme(), r.get_forwarded_host(), r.get_forwarded_port(), r.get_forwarded_path())
  throws("header type", "header name must be a string", r.get_header, 1)
  throws("arg type", "query argument name must be a string", r.get_query_arg, 1)
  throws("max type", "max_headers must be a number", r.get_headers, "x")
  throws("max small", "max_headers must be >= 1", r.get_headers, 0)
  throws("max large", "max_headers must be <= 1000", r.get_headers, 1001)
  throws("max args", "max_args must be <= 1000", r.get_query, 1001)
  is("client", '"127.0.0.1", "127.0.0.1", 40000, 40000', kong.client.get_ip(), kong.client.get_forwarded_ip(), kong.client.get_port(), kong.client.get_forwarded_port())
  is("protocol", 'nil, "No active route found"', kong.client.get_protocol())
  is("nobody", "nil, nil", kong.client.get_credential(), kong.client.get_consumer())

  is("ngx.req", '"GET", 1.1', ngx.req.get_method(), ngx.req.http_version())
  is("uri args", '{a={"1" "2"} b="" c=true d e="f g"}, nil', ngx.req.get_uri_args())
  is("limited", '{a="1"}, "truncated"', ngx.req.get_uri_args(1))
  ngx.req.set_header("X-Set", { "p", "q" })
  ngx.req.clear_header("X-One")
  is("set", '{"p" "q"}, nil', ngx.req.get_headers()["X-Set"], ngx.req.get_headers()["x-one"])
  is("var", '"GET", "example.test", nil, "1", "127.0.0.1"', ngx.var.request_method, ngx.var.host, ngx.var.http_x_one, ngx.var.arg_a, ngx.var.remote_addr)
  throws("var name", "bad variable name", function() return ngx.var[true] end)
end

function P:header_filter()
  throws("phase", 'function cannot be called in header_filter phase (only in: rewrite, access, balancer)', kong.service.request.set_header, "a", "b")
end

function P:log() is("in log", '"GET", "/Path x/to"', kong.request.get_method(), kong.request.get_path()) end
