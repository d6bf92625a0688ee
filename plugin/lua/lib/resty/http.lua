-- resty.http: HTTP/1.1 over ngx.socket.tcp.
local http_headers = require "resty.http_headers"
local parts = require "gibbon.http_parts"

local type, tostring, tonumber, pairs, ipairs, select, setmetatable, concat = type, tostring, tonumber, pairs, ipairs, select, setmetatable, table.concat
local find = string.find

local M = { _VERSION = "0.17.2" }
M._USER_AGENT = "lua-resty-http/" .. M._VERSION .. " (Lua) ngx_lua/" .. ngx.config.ngx_lua_version
local mt = { __index = M }

local PORTS = { http = 80, https = 443 }
local WITH_LENGTH = { POST = true, PUT = true, PATCH = true } -- methods whose missing body is told

function M.new(_)
  local sock, err = ngx.socket.tcp()
  if not sock then return nil, err end
  return setmetatable({ sock = sock, keepalive = true }, mt)
end

function M.debug() end

-- over(name) is a method that calls that of the socket.
local function over(name)
  return function(self, ...)
    local sock = self.sock
    if not sock then return nil, "not initialized" end
    return sock[name](sock, ...)
  end
end

M.set_timeout, M.set_timeouts = over "settimeout", over "settimeouts"
M.ssl_handshake, M.get_reused_times, M.close = over "sslhandshake", over "getreusedtimes", over "close"

function M:set_keepalive(...)
  local sock = self.sock
  if not sock then return nil, "not initialized" end
  if self.keepalive then return sock:setkeepalive(...) end
  local ok, err = sock:close()
  if ok == 1 then return 2, "connection must be closed" end
  return ok, err
end

-- split gives the parts of a URI: scheme (nil: none), host, port (nil: the scheme's), path, query, userinfo (nil: none); no host: it
-- is none.
local function split(uri)
  local scheme, authority, rest = uri:match("^(https?)://([^/?#]*)(.*)$")
  if not scheme then
    scheme = nil
    authority, rest = uri:match("^//([^/?#]*)(.*)$")
  end
  local host, port, userinfo
  if authority then
    local user, rest_of_it = authority:match("^(.*)@([^@]*)$")
    if user then userinfo, authority = user, rest_of_it end
    host, port = authority:match("^(%[[%x:.]+%]):?(%d*)$")
    if not host then host, port = authority:match("^([^:]+):?(%d*)$") end
  end
  if not host then return {} end
  local path, query = rest:gsub("#.*$", ""):match("^([^?]*)%??(.*)$")
  if path == "" then path = "/" end
  return { scheme, host, port ~= "" and tonumber(port) or nil, path, query, userinfo }
end

-- breaks says whether text would end its line: what others may have written could begin a header, or another request.
local function breaks(text) return find(text, "[\r\n]") end

-- add_line adds a header to the pieces of a head; otherwise it says what is wrong with it.
local function add_line(head, name, value)
  value = tostring(value)
  if breaks(name) or breaks(value) then return "the header '" .. tostring(name):gsub("[\r\n].*", "") .. "' must not have a line break in it" end
  head[#head + 1] = name .. ": " .. value .. "\r\n"
end

-- basic(userinfo) is the field value that says who asks (RFC 7617), of the userinfo of a URI (RFC 3986, 3.2.1).
local function basic(userinfo)
  local user, password = userinfo:match("^([^:]*):?(.*)$")
  local plain = (user .. ":" .. password):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  return "Basic " .. ngx.encode_base64(plain)
end

-- Parts by URI: a plugin asks the same few services over and over.
local splits, count = {}, 0

local function parts_of(uri)
  local p = splits[uri]
  if p then return p end
  p = split(uri)
  count = count + 1
  if count > 200 then splits, count = {}, 1 end
  if #uri < 1000 then splits[uri] = p end
  return p
end

-- parse_uri gives { scheme, host, port, path, query } with the whole at 0, and the userinfo, if any, under that name.
function M.parse_uri(_, uri, query_in_path)
  if query_in_path == nil then query_in_path = true end
  if type(uri) ~= "string" then error("bad argument #1 to 'parse_uri' (string expected, got " .. type(uri) .. ")", 2) end
  local p = parts_of(uri)
  local scheme, host, port, path, query = p[1], p[2], p[3], p[4], p[5]
  if not host then return nil, "bad uri: " .. uri end
  if not scheme then
    scheme = ngx.var.scheme
    if not scheme or scheme == "" then scheme = "http" end
  end
  if query_in_path and query ~= "" then path, query = path .. "?" .. query, "" end
  return { [0] = uri, scheme, host, port or PORTS[scheme], path, query, userinfo = p[6] }, nil
end

function M:set_proxy_options(options)
  local copied = {}
  for k, v in pairs(options) do copied[k] = v end
  self.proxy_opts = copied
end

-- get_proxy_uri is the proxy that requests to host go through, nil if none does.
function M:get_proxy_uri(scheme, host)
  local o = self.proxy_opts
  if not o then return end
  if o.no_proxy then
    if o.no_proxy == "*" then return end
    local name = host:lower()
    for part in tostring(o.no_proxy):gmatch("[^,%s]+") do
      part = part:lower():gsub("^%.", "")
      if name == part or name:sub(-#part - 1) == "." .. part then return end
    end
  end
  if scheme == "http" then return o.http_proxy end
  return o.https_proxy
end

-- ---- connections ----

local function connect_to(self, o)
  local sock = self.sock
  local scheme, host, port = o.scheme, o.host, o.port
  if type(host) ~= "string" then return nil, "host is required" end
  local unix = host:sub(1, 5) == "unix:"
  if not port and not unix then port = scheme and PORTS[scheme:lower()] or 80 end
  if scheme then
    scheme = scheme:lower()
    if scheme ~= "http" and scheme ~= "https" then return nil, "scheme must be http or https" end
  end
  local tls = scheme == "https"
  local given = self.proxy_opts
  if o.proxy_opts then self:set_proxy_options(o.proxy_opts) end
  local proxy = not unix and self:get_proxy_uri(scheme or "http", host) or nil
  local proxy_opts = self.proxy_opts or {}
  self.proxy_opts = given
  local to_host, to_port, authorization = host, port, nil
  if proxy then
    local p, err = self:parse_uri(proxy, false)
    if not p then return nil, err end
    if p[1] ~= "http" then return nil, "protocol " .. p[1] .. " not supported for proxy connections" end
    to_host, to_port = p[2], p[3]
    authorization = tls and proxy_opts.https_proxy_authorization or proxy_opts.http_proxy_authorization or p.userinfo and basic(p.userinfo) or nil
  end
  local name = o.ssl_server_name
  if name == nil and not unix then name = host end
  local verify = o.ssl_verify
  if verify == nil then verify = true end
  local pool = o.pool
  if not pool and not tls then
    pool = (scheme or "http") .. ":" .. host .. ":" .. tostring(port or "") .. "::::" .. (proxy or "")
  elseif not pool then
    pool = concat({ scheme or "http", host, tostring(port or ""), tls and tostring(name) or "", tls and tostring(verify) or "",
      tls and o.ssl_client_cert and tostring(o.ssl_client_cert) or "", proxy or "" }, ":")
  end
  local ok, err = sock:connect(to_host, unix and { pool = pool, pool_size = o.pool_size, backlog = o.backlog } or to_port,
    not unix and { pool = pool, pool_size = o.pool_size, backlog = o.backlog } or nil)
  if not ok then return nil, err end
  self.host, self.port, self.keepalive, self.ssl = host, port, true, tls
  self.http_proxy_auth = not tls and authorization or nil
  self.path_prefix = proxy and not tls and "http://" .. host .. (port == 80 and "" or ":" .. port) or nil
  if not tls or sock:getreusedtimes() > 0 then return true end
  if proxy then
    local to = host .. ":" .. port
    local res
    res, err = self:request({ method = "CONNECT", path = to, headers = { Host = to, ["Proxy-Authorization"] = authorization } })
    if not res then return nil, "failed to issue CONNECT to proxy: " .. err end
    if res.status < 200 or res.status > 299 then return nil, "failed to establish a tunnel through a proxy: " .. res.status end
  end
  if o.ssl_client_cert and o.ssl_client_priv_key then
    ok, err = sock:setclientcert(o.ssl_client_cert, o.ssl_client_priv_key)
    if not ok then return nil, err end
  end
  local session
  session, err = sock:sslhandshake(o.ssl_reused_session, name, verify, o.ssl_send_status_req)
  if not session then
    sock:close()
    return nil, err
  end
  return true, nil, session
end

function M:connect(options, ...)
  local sock = self.sock
  if not sock then return nil, "not initialized" end
  if type(options) == "table" then return connect_to(self, options) end
  local port = ...
  self.host, self.port, self.keepalive, self.ssl = options, type(port) ~= "table" and tonumber(port) or nil, true, false
  return sock:connect(options, ...)
end
M.tcp_only_connect = M.connect

function M:connect_proxy(proxy_uri, scheme, host, port, authorization)
  local o = { [scheme .. "_proxy"] = proxy_uri, [scheme .. "_proxy_authorization"] = authorization }
  return self:connect({ scheme = "http", host = host, port = port, proxy_opts = o })
end

-- ---- requests ----

local function send_request(self, params)
  local sock = self.sock
  local method, path = (params.method or "GET"):upper(), params.path or "/"
  local version = params.version or 1.1
  if version ~= 1.1 and version ~= 1.0 then return nil, "unknown HTTP version" end
  local headers = http_headers.new()
  for k, v in pairs(params.headers or {}) do headers[k] = v end
  local body = params.body
  if headers["Content-Length"] == nil then
    local t = type(body)
    if t == "function" then
      local coding = headers["Transfer-Encoding"]
      if version == 1.0 then return nil, "Request body is a function but a length is not specified" end
      if not coding then headers["Transfer-Encoding"] = "chunked" end
    elseif headers["Transfer-Encoding"] == nil then
      if t == "table" then
        local n = 0
        for _, v in ipairs(body) do n = n + #tostring(v) end
        headers["Content-Length"] = n
      elseif body ~= nil then
        headers["Content-Length"] = #tostring(body)
      elseif WITH_LENGTH[method] then
        headers["Content-Length"] = 0
      end
    end
  end
  if headers["Host"] == nil then
    local host = self.host
    if not host or host:sub(1, 5) == "unix:" then
      return nil, "Unable to generate a useful Host header for a unix domain socket. Please provide one."
    end
    if self.port and self.port ~= (self.ssl and 443 or 80) then host = host .. ":" .. self.port end
    headers["Host"] = host
  end
  if headers["User-Agent"] == nil then headers["User-Agent"] = M._USER_AGENT end
  if version == 1.0 and headers["Connection"] == nil then headers["Connection"] = "Keep-Alive" end
  if self.http_proxy_auth and headers["Proxy-Authorization"] == nil then headers["Proxy-Authorization"] = self.http_proxy_auth end

  local query = params.query
  if type(query) == "table" then query = "?" .. ngx.encode_args(query)
  elseif query == nil or query == "" then query = ""
  elseif query:sub(1, 1) ~= "?" then query = "?" .. query end
  local prefix = method == "CONNECT" and "" or self.path_prefix or ""
  local head = { method, " ", prefix, path, query, version == 1.1 and " HTTP/1.1\r\n" or " HTTP/1.0\r\n" }
  if breaks(method) or breaks(prefix) or breaks(path) or breaks(query) then
    return nil, "the request line must not have a line break in it"
  end
  for k, v in pairs(headers) do
    local bad
    if type(v) == "table" then
      for _, one in ipairs(v) do bad = add_line(head, k, one) or bad end
    else
      bad = add_line(head, k, v)
    end
    if bad then return nil, bad end
  end
  head[#head + 1] = "\r\n"
  local ok, err = sock:send(concat(head))
  if not ok then return nil, err end
  local expect = headers["Expect"]
  if expect == nil or tostring(expect):lower() ~= "100-continue" then
    ok, err = parts.send_body(sock, body, headers["Transfer-Encoding"])
    if not ok then return nil, err end
    return headers
  end
  return headers, nil, true
end

local function answer(self, params, expects)
  local sock = self.sock
  local head, err
  repeat
    head, err = parts.read_head(sock)
    if not head then return nil, err end
    if head.status == 100 and expects then
      expects = false
      local ok
      ok, err = parts.send_body(sock, params.body, parts.header(params.headers, "transfer-encoding"))
      if not ok then return nil, err end
    end
  until head.status < 100 or head.status >= 200 or head.status == 101
  local headers, method = head.headers, (params.method or "GET"):upper()
  local connection = parts.text(headers["Connection"]):lower()
  if head.version == 1.1 then
    if connection:find("close", 1, true) then self.keepalive = false end
  elseif not connection:find("keep-alive", 1, true) then
    self.keepalive = false
  end
  local asked = parts.header(params.headers, "connection")
  if asked ~= nil and parts.text(asked):lower():find("close", 1, true) then self.keepalive = false end
  local res = { status = head.status, reason = head.reason, headers = headers, has_body = false,
    body_reader = parts.nothing, read_body = parts.read_body, read_trailers = parts.read_trailers }
  local status = head.status
  if method ~= "HEAD" and status >= 200 and status ~= 204 and status ~= 304 and not (method == "CONNECT" and status < 300) then
    res.has_body = true
    local reader, to_end = parts.body_reader(sock, headers, params.chunk_size)
    res.body_reader = reader
    if to_end then self.keepalive = false end
  end
  if headers["Trailer"] then
    res.trailer_reader = function() return parts.read_headers(sock) end
  end
  return res
end

function M:request(params)
  if not self.sock then return nil, "not initialized" end
  local sent, err, expects = send_request(self, params)
  if not sent then return nil, err end
  return answer(self, params, expects)
end
M.send_request = function(self, params) return send_request(self, params) end
M.read_response = function(self, params) return answer(self, params, false) end

-- request_pipeline sends all and gives responses that are read when they are asked about.
function M:request_pipeline(requests)
  if not self.sock then return nil, "not initialized" end
  for _, params in ipairs(requests) do
    if params.headers and params.headers["Expect"] == "100-continue" then return nil, "Cannot pipeline request specifying Expect: 100-continue" end
    local ok, err = send_request(self, params)
    if not ok then return nil, err end
  end
  local responses = {}
  for i, params in ipairs(requests) do
    responses[i] = setmetatable({ response_read = false }, { __index = function(t, k)
      if t.response_read then return end
      t.response_read = true
      local res, err = answer(self, params, false)
      if not res then
        ngx.log(ngx.ERR, "error reading pipelined response: ", tostring(err))
        return
      end
      for name, v in pairs(res) do t[name] = v end
      return rawget(t, k)
    end })
  end
  return responses
end

function M:request_uri(uri, params)
  local p = {}
  for k, v in pairs(params or {}) do p[k] = v end
  if self.proxy_opts then p.proxy_opts = self.proxy_opts end
  local parsed, err = self:parse_uri(uri, false)
  if not parsed then return nil, err end
  p.scheme, p.host, p.port = parsed[1], parsed[2], parsed[3]
  p.path = p.path or parsed[4]
  p.query = p.query or parsed[5]
  p.ssl_server_name = p.ssl_server_name or parsed[2]
  if parsed.userinfo and parts.header(p.headers, "authorization") == nil then
    local headers = { Authorization = basic(parsed.userinfo) }
    for k, v in pairs(p.headers or {}) do headers[k] = v end
    p.headers = headers
  end
  local ok
  ok, err = self:connect(p)
  if not ok then return nil, err end
  local res
  res, err = self:request(p)
  if not res then
    self:close()
    return nil, err
  end
  local body
  body, err = res:read_body()
  if not body then
    self:close()
    return nil, err
  end
  res.body = body
  if p.keepalive == false then
    self:close()
  else
    ok, err = self:set_keepalive(p.keepalive_timeout, p.keepalive_pool)
    if not ok then ngx.log(ngx.ERR, err) end
  end
  return res
end

-- ---- between a client and an upstream ----

function M.get_client_body_reader(_, chunk_size, sock)
  local err
  if not sock then
    sock, err = ngx.req.socket()
    if not sock then
      if err == "no body" then return nil end
      return nil, err
    end
  end
  local headers = ngx.req.get_headers()
  if not headers["content-length"] and not headers["transfer-encoding"] then return nil end
  if headers["transfer-encoding"] then return parts.decoded_reader(sock, chunk_size) end
  return (parts.body_reader(sock, headers, chunk_size))
end

function M:proxy_request(chunk_size)
  return self:request({ method = ngx.req.get_method(), path = ngx.re.gsub(ngx.var.uri, "\\s", "%20", "jo") .. ngx.var.is_args .. (ngx.var.args or ""),
    body = self:get_client_body_reader(chunk_size), headers = ngx.req.get_headers() })
end

local HOP = { connection = true, ["keep-alive"] = true, ["proxy-authenticate"] = true, ["proxy-authorization"] = true, te = true,
  trailers = true, ["transfer-encoding"] = true, upgrade = true, ["content-length"] = true }

function M.proxy_response(_, res, chunk_size)
  if not res then
    ngx.log(ngx.ERR, "no response provided")
    return
  end
  ngx.status = res.status
  for k, v in pairs(res.headers) do
    if not HOP[k:lower()] then ngx.header[k] = v end
  end
  repeat
    local chunk, err = res.body_reader(chunk_size)
    if err then
      ngx.log(ngx.ERR, err)
      break
    end
    if chunk then
      local ok
      ok, err = ngx.print(chunk)
      if not ok then
        ngx.log(ngx.ERR, err)
        break
      end
    end
  until not chunk
end

return M
