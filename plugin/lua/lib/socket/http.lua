-- socket.http: LuaSocket's HTTP client over resty.http. request(url [, body]) or request { url =, method =, headers =, source =,
-- sink =, step =, proxy =, redirect =, maxredirects = }.
local http = require "resty.http"
local ltn12 = require "ltn12"
local url = require "socket.url"

local M = { TIMEOUT = 60, USERAGENT = "LuaSocket 3.1.0" }
local type, pairs, tostring, tonumber, concat = type, pairs, tostring, tonumber, table.concat

local REDIRECTS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

local function lower(headers)
  local out = {}
  for k, v in pairs(headers) do out[k:lower()] = type(v) == "table" and concat(v, ", ") or v end
  return out
end

local function once(r, scheme_of)
  local address = r.url
  local parts = type(address) == "table" and address or url.parse(address, { host = r.host, port = r.port, path = "/", scheme = scheme_of })
  if not parts or not parts.host then return nil, "invalid host '" .. tostring(parts and parts.host or "") .. "'" end
  local client = http.new()
  local timeout = (r.timeout or (scheme_of == "https" and require("ssl.https").TIMEOUT) or M.TIMEOUT or 60) * 1000
  client:set_timeouts(timeout, timeout, timeout)
  local proxy = r.proxy or M.PROXY
  local ok, err = client:connect {
    scheme = parts.scheme or scheme_of, host = parts.host, port = tonumber(parts.port),
    ssl_verify = scheme_of == "https" and r.verify ~= nil and r.verify ~= "none", ssl_server_name = parts.host,
    proxy_opts = proxy and { http_proxy = proxy, https_proxy = proxy } or nil,
  }
  if not ok then return nil, err end
  local headers = { ["User-Agent"] = M.USERAGENT, ["Connection"] = "close", TE = "trailers" }
  for k, v in pairs(r.headers or {}) do headers[k] = v end
  if parts.user and not headers.authorization then
    headers["Authorization"] = "Basic " .. ngx.encode_base64(url.unescape(parts.user) .. ":" .. url.unescape(parts.password or ""))
  end
  local body
  if r.source then
    local collected = {}
    local done, failed = ltn12.pump.all(r.source, (ltn12.sink.table(collected)))
    if not done then
      client:close()
      return nil, failed
    end
    body = concat(collected)
    for k in pairs(headers) do
      if k:lower() == "content-length" or k:lower() == "transfer-encoding" then headers[k] = nil end
    end
  end
  local res
  res, err = client:request { method = r.method or "GET", path = parts.path or "/", query = parts.query, headers = headers, body = body }
  if not res then
    client:close()
    return nil, err
  end
  return res, client, parts
end

local function perform(r, scheme_of, depth)
  local res, client, parts = once(r, scheme_of)
  if not res then return nil, client end
  local status, headers = res.status, lower(res.headers)
  if r.redirect ~= false and REDIRECTS[status] and headers.location and depth < (r.maxredirects or 5)
    and (not r.method or r.method == "GET" or r.method == "HEAD") then
    client:close()
    local again = {}
    for k, v in pairs(r) do again[k] = v end
    again.url = url.absolute(type(r.url) == "table" and url.build(parts) or r.url, headers.location)
    return perform(again, again.url:match("^(%a+):") or scheme_of, depth + 1)
  end
  local snk = r.sink or ltn12.sink.null()
  while true do
    local chunk, err = res.body_reader(8192)
    if err then
      client:close()
      return nil, err
    end
    local ok, failed = snk(chunk)
    if not ok then
      client:close()
      return nil, failed
    end
    if not chunk then break end
  end
  client:close()
  return 1, status, headers, ("HTTP/%.1f %d %s"):format(res.version or 1.1, status, res.reason or "")
end

-- client(scheme) is the function request for URLs without a scheme, or of that one.
function M.client(scheme)
  return function(r, body)
    if type(r) ~= "string" then return perform(r, scheme, 0) end
    local out = {}
    local req = { url = r, sink = (ltn12.sink.table(out)) }
    if body then
      req.method, req.source = "POST", ltn12.source.string(body)
      req.headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
    end
    local ok, status, headers, line = perform(req, scheme, 0)
    if not ok then return nil, status end
    return concat(out), status, headers, line
  end
end

M.request = M.client "http"
M.genericform = nil

return M
