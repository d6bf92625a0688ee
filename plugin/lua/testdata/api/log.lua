-- kong.log's refusals and kong.log.serialize.
function P:access()
  throws("format", "format must be a string", kong.log.set_format, 1)
  kong.log.set_serialize_value("mine.deep", "v")
  kong.log.set_serialize_value("request.method", nil)
  throws("key", "key must be a string", kong.log.set_serialize_value, 1, 2)
  throws("mode", "mode must be 'set', 'add' or 'replace'", kong.log.set_serialize_value, "a", 2, { mode = "x" })
end

function P:log()
  local e = kong.log.serialize()
  is("values", '{deep="v"}, nil, "/path/to?a=1&b=2&a=3", "127.0.0.1"', e.mine, e.request.method, e.request.uri, e.client_ip)
  is("response", '201, "text/plain"', e.response.status, e.response.headers["content-type"])
end
