local BasePlugin = require "kong.plugins.base_plugin"
local cjson = require "cjson"

local TcpLog = BasePlugin:extend()
TcpLog.PRIORITY = 7
TcpLog.VERSION = "0.2.0"

local buffer, flushing = {}, false

local function send(premature, conf, lines)
  if premature then return end
  local sock = ngx.socket.tcp()
  sock:settimeout(conf.timeout)
  local ok, err = sock:connect(conf.host, conf.port)
  if not ok then
    ngx.log(ngx.ERR, "[tcp-socket-log] failed to connect to ", conf.host, ":", tostring(conf.port), ": ", err)
    return
  end
  ok, err = sock:send(lines)
  if not ok then
    ngx.log(ngx.ERR, "[tcp-socket-log] failed to send: ", err)
  end
  ok, err = sock:setkeepalive(conf.keepalive)
  if not ok then
    ngx.log(ngx.ERR, "[tcp-socket-log] failed to keepalive: ", err)
    return
  end
end

local function flush(premature, conf)
  flushing = false
  local lines = buffer
  buffer = {}
  if #lines > 0 then send(premature, conf, lines) end
end

function TcpLog:new(name)
  TcpLog.super.new(self, name or "tcp-socket-log")
end

function TcpLog:access(conf)
  TcpLog.super.access(self)
  ngx.ctx.request_body = ngx.req.get_body_data()
  ngx.req.read_body()
end

function TcpLog:body_filter(conf)
  TcpLog.super.body_filter(self)
  local chunk, eof = ngx.arg[1], ngx.arg[2]
  ngx.ctx.size = (ngx.ctx.size or 0) + #(chunk or "")
  ngx.ctx.eof = eof
end

function TcpLog:log(conf)
  TcpLog.super.log(self)
  local message = {
    method = ngx.req.get_method(), uri = ngx.var.request_uri, status = ngx.status, size = ngx.ctx.size, eof = ngx.ctx.eof,
    took = ngx.now() - ngx.req.start_time() >= 0, upstream = ngx.var.upstream_addr, agent = ngx.var.http_user_agent,
    resp = ngx.resp.get_headers()["x-up"], route = ngx.ctx.route and ngx.ctx.route.name, service = ngx.ctx.service and ngx.ctx.service.name,
    latencies = type(ngx.ctx.KONG_PROXIED) ,
  }
  buffer[#buffer + 1] = cjson.encode(message) .. "\n"
  if not flushing then
    flushing = true
    local ok, err = ngx.timer.at(conf.flush, flush, conf)
    if not ok then
      ngx.log(ngx.ERR, "failed to create timer: ", err)
    end
  end
end

return TcpLog
