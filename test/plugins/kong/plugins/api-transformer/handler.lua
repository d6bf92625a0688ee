-- Shape: the user's Lua files transform requests and answers: loadfile, a sandboxed environment by setfenv, resty.lrucache, ngx.req.set_*, ngx.arg.
local BasePlugin = require "kong.plugins.base_plugin"
local inspect = require "inspect"
local lrucache = require "resty.lrucache"
local cjson = require "cjson"

local TransformerHandler = BasePlugin:extend()
TransformerHandler.PRIORITY = 801
TransformerHandler.VERSION = "0.1.1"

local cache, cerr = lrucache.new(200)
if not cache then error("failed to create the cache: " .. (cerr or "unknown")) end

function TransformerHandler:new()
  TransformerHandler.super.new(self, "api-transformer")
end

local ENV = { ngx = ngx, error = error, pairs = pairs, ipairs = ipairs, tostring = tostring, string = string, table = table, inspect = inspect, cjson = cjson }

local function transformer(code)
  local f = cache:get(code)
  if f then return f end
  local err
  f, err = loadstring(code)
  if not f then return nil, err end
  setfenv(f, ENV)
  cache:set(code, f, 60)
  return f
end

local function run(code)
  local f, err = transformer(code)
  if not f then return false, "cannot load the transformer: " .. err end
  local ok, status, body = pcall(f)
  if not ok then return false, status end
  return status, body
end

function TransformerHandler:access(conf)
  TransformerHandler.super.access(self)
  local route = kong.router.get_route()
  ngx.req.read_body()
  ngx.ctx.req_uri, ngx.ctx.req_method, ngx.ctx.req_headers, ngx.ctx.req_uri_args = ngx.var.uri, ngx.req.get_method(), ngx.req.get_headers(), ngx.req.get_uri_args()
  ngx.ctx.req_body = ngx.req.get_body_data()
  if ngx.ctx.req_body and (ngx.ctx.req_headers["content-type"] or ""):find("json", 1, true) then
    local ok, body = pcall(cjson.decode, ngx.ctx.req_body)
    if not ok then return kong.response.exit(400, { error = "the body is no JSON", route = route.name }) end
    ngx.ctx.req_json_body = body
  end
  local ok, body = run(conf.request_transformer)
  if not ok then return kong.response.exit(500, { error = tostring(body) }) end
  if body then ngx.req.set_body_data(body) end
  ngx.req.set_uri_args(ngx.ctx.req_uri_args)
end

function TransformerHandler:header_filter(conf)
  TransformerHandler.super.header_filter(self)
  ngx.ctx.resp_headers = ngx.resp.get_headers()
  if kong.response.get_source() == "service" then
    ngx.header["content-length"] = nil
  end
end

function TransformerHandler:body_filter(conf)
  TransformerHandler.super.body_filter(self)
  if kong.response.get_source() ~= "service" then return end
  local chunk, eof = ngx.arg[1], ngx.arg[2]
  ngx.ctx.resp_buffer = (ngx.ctx.resp_buffer or "") .. (chunk or "")
  if not eof then
    ngx.arg[1] = nil
    return
  end
  local ok, body = pcall(cjson.decode, ngx.ctx.resp_buffer)
  if ok then ngx.ctx.resp_json_body = body end
  local done, out = run(conf.response_transformer)
  if not done then
    ngx.log(ngx.ERR, "response transformer: ", out)
    ngx.arg[1] = cjson.encode({ error = "transformer failed" })
    return
  end
  ngx.arg[1] = out
end

return TransformerHandler
