-- resty.http without a network.
local http = require "resty.http"

function P:access()
  local c = http.new()
  is("uri", '{0="https://u.test:8443/a/b?c=d" 1="https" 2="u.test" 3=8443 4="/a/b" 5="c=d"}, nil', c:parse_uri("https://u.test:8443/a/b?c=d", false))
  is("query kept", '{0="http://h/p?q" 1="http" 2="h" 3=80 4="/p?q" 5=""}, nil', c:parse_uri("http://h/p?q"))
  is("default", '{0="http://h" 1="http" 2="h" 3=80 4="/" 5=""}, nil', c:parse_uri("http://h", false))
  is("scheme of the request", '{0="//h:81" 1="http" 2="h" 3=81 4="/" 5=""}, nil', c:parse_uri("//h:81", false))
  is("ipv6", '{0="http://[::1]:9/" 1="http" 2="[::1]" 3=9 4="/" 5=""}, nil', c:parse_uri("http://[::1]:9/", false))
  is("bad", 'nil, "bad uri: nonsense"', c:parse_uri("nonsense"))
  c:set_proxy_options({ http_proxy = "http://p:1", https_proxy = "http://s:2", no_proxy = "in.test, .deep.test" })
  is("proxies", '"http://p:1", "http://s:2", nil, nil, 3', c:get_proxy_uri("http", "x.test"), c:get_proxy_uri("https", "x.test"),
    c:get_proxy_uri("http", "in.test"), c:get_proxy_uri("http", "a.in.test"), select("#", c:get_proxy_uri("http", "b.deep.test"), 1, 2))

  -- A socket that gives a response's bytes.
  local function from(text)
    return { receive = function(_, what)
      local data
      if what == "*l" then
        local line, rest = text:match("^(.-)\r?\n(.*)$")
        if not line then return nil, "closed", text end
        text = rest
        return line
      end
      if #text < what then
        data, text = text, ""
        return nil, "closed", data
      end
      data, text = text:sub(1, what), text:sub(what + 1)
      return data
    end, send = function(self, data)
      self.sent = (self.sent or "") .. (type(data) == "table" and table.concat(data) or data)
      return #data
    end, close = function() return 1 end, setkeepalive = function() return 1 end }
  end
  local function ask(text, params)
    local d = http.new()
    d.sock, d.host, d.port = from(text), "h.test", 81
    local res, err = d:request(params or {})
    if not res then return err end
    local body, e = res:read_body()
    return res.status, res.reason, res.has_body, body, e, (d:set_keepalive()), d.sock.sent
  end
  local function short(...) local t = { ... } return t[1], t[2], t[3], t[4], t[5], t[6] end
  is("length", '200, "OK", true, "hello", nil, 1', short(ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")))
  is("chunks", '200, "OK", true, "abcde", nil, 1', short(ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")))
  is("to the end", '200, "OK", true, "rest", nil, 2', short(ask("HTTP/1.1 200 OK\r\n\r\nrest")))
  is("none", '204, "No Content", false, "", nil, 1', short(ask("HTTP/1.1 204 No Content\r\n\r\n")))
  is("head", '200, "OK", false, "", nil, 1', short(ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", { method = "HEAD" })))
  is("continue", '200, "OK", true, "", nil, 1', short(ask("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
  is("close", '200, "OK", true, "", nil, 2', short(ask("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")))
  is("short", '200, "OK", true, nil, "closed", 1', short(ask("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")))
  is("bad chunk", '200, "OK", true, nil, "unable to read chunksize", 1', short(ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")))
  is("no answer", '"failed to receive status line from client: closed"', ask(""))
  is("bad answer", [["couldn't parse HTTP response code from status line"]], ask("SSH-2.0\r\n"))
  local sent = select(7, ask("HTTP/1.1 204 x\r\n\r\n", { method = "post", path = "/p", query = { a = "b c" }, headers = { ["User-Agent"] = "t" }, body = "xy" }))
  is("request line", '"POST /p?a=b%20c HTTP/1.1"', sent:match("^[^\r]+"))
  is("request", '"81", "2", "xy"', sent:match("Host: h.test:(%d+)\r\n"), sent:match("Content%-Length: (%d+)\r\n"), sent:match("\r\n\r\n(.*)$"))
  local parts = { "ab", "", "c" }
  local at = 0
  sent = select(7, ask("HTTP/1.1 204 x\r\n\r\n", { method = "PUT", body = function() at = at + 1 return parts[at] end }))
  is("chunked request", '"2\\x0d\\x0aab\\x0d\\x0a1\\x0d\\x0ac\\x0d\\x0a0\\x0d\\x0a\\x0d\\x0a"', sent:match("\r\n\r\n(.*)$"))

  local h = require("resty.http_headers").new()
  h["Content-Type"] = "a"
  h["content-type"] = "b"
  is("headers", '"b", "b", {Content-Type="b"}', h["CONTENT_TYPE"], h["content-type"], h)
end
