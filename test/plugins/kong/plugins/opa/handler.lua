-- Shape: a policy engine decides: resty.http with connect and request, kong.tools.responses, ngx.status and ngx.say; base_plugin.
local BasePlugin = require "kong.plugins.base_plugin"
local responses = require "kong.tools.responses"
local public_utils = require "kong.tools.public"
local utils = require "kong.tools.utils"
local cjson_safe = require "cjson.safe"
local http = require "resty.http"

local OPAHandler = BasePlugin:extend()
OPAHandler.PRIORITY = 800
OPAHandler.VERSION = "0.2.0"

function OPAHandler:new()
  OPAHandler.super.new(self, "opa")
end

local function interp(s, tab)
  return (s:gsub("($%b{})", function(w) return tab[w:sub(3, -2)] or w end))
end

local function document(conf)
  ngx.req.read_body()
  local body = ngx.req.get_method() ~= "GET" and public_utils.get_body_info and (public_utils.get_body_info()) or nil
  local headers = ngx.req.get_headers()
  local groups = utils.split((headers["x-groups"] or ""), ",")
  return { input = { method = ngx.var.request_method, path = utils.split(ngx.var.uri:sub(2), "/"), query = ngx.req.get_uri_args(), user = headers["x-user"], groups = groups, body = body,
    authorization = headers["authorization"], time = ngx.now() } }
end

local function post(conf, doc)
  local httpc = http.new()
  httpc:set_timeout(conf.timeout)
  local ok, err = httpc:connect(conf.host, conf.port)
  if not ok then return nil, err end
  local res
  res, err = httpc:request({ method = "POST", path = interp(conf.policy_uri, { name = conf.policy }), body = cjson_safe.encode(doc), headers = { ["Content-Type"] = "application/json" } })
  if not res then return nil, err end
  local body = res:read_body()
  ok, err = httpc:set_keepalive(conf.keepalive_timeout, conf.keepalive_pool_size)
  if not ok then ngx.log(ngx.ERR, "could not keep the connection: ", err) end
  if res.status ~= 200 then return nil, "status " .. res.status end
  return cjson_safe.decode(body)
end

function OPAHandler:access(conf)
  OPAHandler.super.access(self)
  local res, err = post(conf, document(conf))
  if err then
    ngx.log(ngx.WARN, "policy engine: ", err)
    return responses.send_HTTP_INTERNAL_SERVER_ERROR(err)
  end
  if res.result == nil or res.result.allow ~= true then
    if res.result and res.result.status then
      ngx.status = res.result.status
      for k, v in pairs(res.result.headers or {}) do ngx.header[k] = v end
      ngx.say(res.result.body or "")
      return ngx.exit(ngx.status)
    end
    return responses.send_HTTP_FORBIDDEN("Access denied")
  end
end

return OPAHandler
