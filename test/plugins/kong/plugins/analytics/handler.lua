-- Shape: an analytics agent: events in a table per worker, sent by ngx.timer.every, deflated; bodies by ngx.req and ngx.arg; base64 for what is
-- no JSON; ngx.ctx; a configuration that is fetched.
local cjson = require "cjson"
local cjson_safe = require "cjson.safe"
local http = require "resty.http"
local zlib = require "zlib"
local socket_url = require "socket.url"
local client = require "kong.plugins.analytics.client"

local Analytics = { PRIORITY = 5, VERSION = "2.0.1" }
local queue_hashes = {}
local queue_scheduled = false
local rate = nil

function Analytics:init_worker()
  ngx.log(ngx.DEBUG, "[analytics] worker ", ngx.worker.pid())
end

local function send_events(premature, conf)
  if premature then return end
  local batch = queue_hashes[conf.endpoint]
  if not batch or #batch == 0 then return end
  queue_hashes[conf.endpoint] = {}
  local body = zlib.deflate()(cjson.encode(batch), "finish")
  local parsed = socket_url.parse(conf.endpoint)
  local c = http.new()
  c:set_timeout(conf.timeout)
  local ok, err = c:connect(parsed.host, tonumber(parsed.port))
  if not ok then
    ngx.log(ngx.ERR, "[analytics] ", err)
    return
  end
  local res
  res, err = c:request({ method = "POST", path = parsed.path, body = body, headers = { ["Content-Encoding"] = "deflate", ["Host"] = parsed.host, ["X-Rate"] = tostring(rate) } })
  if res then
    res:read_body()
    c:set_keepalive(conf.keepalive)
  end
end

local function schedule(conf)
  if queue_scheduled then return end
  queue_scheduled = true
  local ok, err = ngx.timer.every(0.1, send_events, conf)
  if not ok then ngx.log(ngx.ERR, "[analytics] failed to create timer: ", err) end
  ngx.timer.at(0, function(premature)
    if premature then return end
    rate = client.sample_rate(conf)
  end)
end

function Analytics:access(conf)
  schedule(conf)
  local start_time = ngx.req.start_time() * 1000
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local headers = ngx.req.get_headers()
  headers["authorization"] = nil
  local id = headers["X-Transaction-Id"] or ngx.md5(ngx.now() .. math.random())
  ngx.req.set_header("X-Transaction-Id", id)
  ngx.ctx.analytics = { time = start_time, verb = ngx.req.get_method(), uri = ngx.var.scheme .. "://" .. ngx.var.host .. ngx.var.request_uri, headers = headers, id = id,
    body = cjson_safe.decode(body) or (body and ngx.encode_base64(body)), ip = ngx.var.remote_addr }
end

function Analytics:header_filter(conf)
  ngx.header["X-Transaction-Id"] = ngx.ctx.analytics.id
end

function Analytics:body_filter(conf)
  local chunk, ended = ngx.arg[1], ngx.arg[2]
  local a = ngx.ctx.analytics
  a.parts = a.parts or {}
  if chunk and #chunk > 0 then table.insert(a.parts, chunk) end
  if ended then
    a.response = cjson_safe.decode(table.concat(a.parts))
    a.parts = nil
  end
end

function Analytics:log(conf)
  local a = ngx.ctx.analytics
  local list = queue_hashes[conf.endpoint] or {}
  queue_hashes[conf.endpoint] = list
  table.insert(list, { request = { verb = a.verb, uri = a.uri, headers = a.headers, body = a.body, ip = a.ip, time = a.time }, response = { status = ngx.status,
    headers = ngx.resp.get_headers(), body = a.response, time = ngx.now() * 1000 }, direction = "Incoming" })
end

return Analytics
