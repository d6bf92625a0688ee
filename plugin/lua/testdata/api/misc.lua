-- Small modules that plugins require.
function P:access()
  local url = require "socket.url"
  local u = url.parse("https://user:pw@h.test:8443/a/b;p?q=1#f")
  is("url", '"https", "h.test", "8443", "/a/b", "q=1", "f", "user"', u.scheme, u.host, u.port, u.path, u.query, u.fragment, u.user)
  is("gettime", '"number"', type(require("socket").gettime()))
  for _, name in ipairs { "ltn12", "mime", "socket.http", "ssl.https", "lfs", "lpeg", "inspect", "pl.stringx", "pl.tablex", "resty.lrucache", "kong.reports", "kong.dao.errors",
    "kong.plugins.log-serializers.basic", "classic", "basexx" } do
    local ok, err = pcall(require, name)
    if not ok then is(name, "true", err) end
  end

  local grpc = require "kong.tools.grpc"
  is("frame", [["\x00\x00\x00\x00\x02hi"]], grpc.frame(0, "hi"))
  is("unframe", '"hi", "rest"', grpc.unframe(grpc.frame(0, "hi") .. "rest"))
  is("short", 'nil, "\\x00\\x00\\x00\\x00\\x05hi"', grpc.unframe("\0\0\0\0\5hi"))

  local multipart = require "multipart"
  local m = multipart('--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\nline 1\r\nline 2\r\n--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n--B--\r\n',
    "multipart/form-data; boundary=B")
  is("get", [["1", "line 1\x0d\x0aline 2"]], m:get("a").value, m:get("f").value)
  is("all", [[{a={"1" "2"} f="line 1\x0d\x0aline 2"}]], m:get_all_with_arrays())
  m:delete("a")
  m:set_simple("n", 5)
  local again = multipart(m:tostring(), "multipart/form-data; boundary=B")
  is("written", [[{f="line 1\x0d\x0aline 2" n="5"}]], again:get_all())

  local uuid = require "resty.jit-uuid"
  is("v5", '"2ed6657d-e927-568b-95e1-2665a8aea6a2", true, false', uuid.generate_v5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com"), uuid.is_valid(uuid()), uuid.is_valid("x"))
  is("v3", '"5df41881-3aed-3515-88a7-2f4a814cf09e"', uuid.generate_v3("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com"))

  local Object = require "classic"
  local A = Object:extend()
  function A:new(v) self.v = v end
  function A:get() return self.v end
  local B = A:extend()
  function B:get() return B.super.get(self) + 1 end
  is("classic", "2, true, false", B(1):get(), B(1):is(A), A(1):is(B))
end
