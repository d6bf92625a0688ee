--[[ request
POST /path?a=1 HTTP/1.1
Host: example.test
Content-Type: application/x-www-form-urlencoded
Content-Length: 3

a=1]]
-- What functions say to arguments that they do not take.
function P:access()
  local r = ngx.req
  throws("sleep", "attempt to pass 0 arguments, but accepted 1", ngx.sleep)
  throws("read_body", "expecting 0 arguments but seen 1", r.read_body, 1)
  throws("set_method", "unsupported HTTP method: 3", r.set_method, 3)
  throws("set_uri", "bad argument #1 to '?' (string expected, got no value)", r.set_uri)
  throws("set_uri jump", "bad argument #2 to '?' (boolean expected, got number)", r.set_uri, "/x", 1)
  throws("set_uri unsafe", [[unsafe byte "0x0a" in uri "/a\x0Ab" (maybe you want to set the 'binary' argument?)]], r.set_uri, "/a\nb")
  is("set_uri binary", "", r.set_uri("/a\nb", false, true))
  throws("set_body_data", "expecting 1 arguments but seen 0", r.set_body_data)
  throws("set_body_data", "bad argument #1 to '?' (string expected, got table)", r.set_body_data, {})
  throws("set_body_file", 'open() "/none/such" failed', r.set_body_file, "/none/such")
  r.init_body()
  throws("append_body", "bad argument #1 to '?' (string expected, got no value)", r.append_body)
  throws("get_post_args", "bad argument #1 to '?' (number expected, got string)", r.get_post_args, "x")
  local add = require("ngx.req").add_header
  throws("add nil", "invalid header value", add, "X-A")
  throws("add empty", "invalid header value", require("ngx.resp").add_header, "X-A", {})
  add("X-A", 1)
  add("X-A", { "2", "3" })
  is("added", '{"1" "2" "3"}', r.get_headers()["x-a"])
end
