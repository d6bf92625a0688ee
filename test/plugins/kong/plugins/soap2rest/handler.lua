-- Shape: REST in front of SOAP: a model in YAML, XML by xml2lua, method and path changed, status set in header_filter, body in body_filter; base_plugin.
local BasePlugin = require "kong.plugins.base_plugin"
local xml2lua = require "xml2lua"
local tree = require "xmlhandler.tree"
local lyaml = require "lyaml"
local cjson = require "cjson.safe"

local Soap2Rest = BasePlugin:extend()
Soap2Rest.PRIORITY = 811
Soap2Rest.VERSION = "1.0.2"

local models = {}

function Soap2Rest:new()
  Soap2Rest.super.new(self, "soap2rest")
end

local function model_of(conf)
  local m = models[conf.model]
  if not m then
    m = lyaml.load(conf.model)
    models[conf.model] = m
  end
  return m
end

function Soap2Rest:access(conf)
  Soap2Rest.super.access(self)
  local path = kong.request.get_path():match("([^/]+)$")
  local operation = model_of(conf).operations[path .. "." .. kong.request.get_method():lower()]
  if not operation then return kong.response.exit(404, { message = "no such operation" }) end
  local body = cjson.decode(kong.request.get_raw_body() or "{}")
  if not body then return kong.response.exit(400, { message = "no JSON" }) end
  local inner = xml2lua.toXml(body, operation.request, 1)
  kong.service.request.set_method("POST")
  kong.service.request.set_path(model_of(conf).path)
  kong.service.request.set_header("Content-Type", "text/xml; charset=utf-8")
  kong.service.request.set_header("SOAPAction", operation.action)
  kong.service.request.clear_header("Accept-Encoding")
  kong.service.request.set_raw_body('<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' .. inner .. "</s:Body></s:Envelope>")
  kong.ctx.shared.soap2rest = { operation = operation, parts = {} }
end

function Soap2Rest:header_filter(conf)
  Soap2Rest.super.header_filter(self)
  if not kong.ctx.shared.soap2rest then return end
  kong.response.clear_header("Content-Length")
  kong.response.set_header("Content-Type", "application/json; charset=utf-8")
  if kong.response.get_status() == 200 and kong.ctx.shared.soap2rest.operation.status then
    kong.response.set_status(kong.ctx.shared.soap2rest.operation.status)
  end
end

local function without_prefix(v)
  if type(v) ~= "table" then return v end
  local out = {}
  for k, one in pairs(v) do
    if k ~= "_attr" then out[type(k) == "string" and k:gsub("^[^:]*:", "") or k] = without_prefix(one) end
  end
  return out
end

function Soap2Rest:body_filter(conf)
  Soap2Rest.super.body_filter(self)
  local ctx = kong.ctx.shared.soap2rest
  if not ctx then return end
  table.insert(ctx.parts, ngx.arg[1] or "")
  ngx.arg[1] = nil
  if not ngx.arg[2] then return end
  local handler = tree:new()
  local ok, err = pcall(function() xml2lua.parser(handler):parse(table.concat(ctx.parts)) end)
  if not ok then
    kong.log.err("cannot parse the answer: ", err)
    ngx.arg[1] = cjson.encode({ message = "bad answer" })
    return
  end
  local envelope = without_prefix(handler.root).Envelope
  local body = envelope and envelope.Body or {}
  ngx.arg[1] = cjson.encode(body.Fault and { fault = body.Fault.faultstring } or body)
end

return Soap2Rest
