-- Shape: requests and answers made of templates: resty.template with the request, cjson and ngx.ctx in sight; bodies by ngx.req and ngx.arg.
local template = require "resty.template"
local cjson_decode = require("cjson").decode
local cjson_encode = require("cjson").encode
local cjson_safe = require "cjson.safe"

local req_get_headers, req_get_uri_args, req_read_body, req_get_body_data, req_set_body_data, req_set_header =
  ngx.req.get_headers, ngx.req.get_uri_args, ngx.req.read_body, ngx.req.get_body_data, ngx.req.set_body_data, ngx.req.set_header

local TemplateTransformerHandler = { PRIORITY = 801, VERSION = "1.2.0" }

local function read_json_body(body)
  if body and body ~= "" then
    local value, err = cjson_safe.decode(body)
    if err then
      ngx.log(ngx.ERR, "body is no JSON: ", err)
      return nil
    end
    return value
  end
end

local function prepare_body(text)
  local v, err = cjson_safe.decode(text)
  if not v then return nil, err end
  return (cjson_encode(v):gsub("\\/", "/"))
end

function TemplateTransformerHandler:access(config)
  if config.request_template and config.request_template ~= "" then
    req_read_body()
    local body = req_get_body_data()
    local headers, query = req_get_headers(), req_get_uri_args()
    local captures = ngx.ctx.router_matches and ngx.ctx.router_matches.uri_captures
    local transformed = template.compile(config.request_template, "request" .. config.request_template, true) {
      query_string = query, raw_body = body, headers = headers, body = read_json_body(body), route_groups = captures, cjson_encode = cjson_encode, cjson_decode = cjson_decode, custom_data = kong.ctx.shared.custom_data }
    local out, err = prepare_body(transformed)
    if not out then
      ngx.log(ngx.WARN, "template gives no JSON: ", err)
      return kong.response.error(ngx.HTTP_INTERNAL_SERVER_ERROR, "bad template")
    end
    req_set_body_data(out)
    req_set_header("Content-Length", #out)
    req_set_header("Content-Type", "application/json")
  end
end

function TemplateTransformerHandler:header_filter(config)
  if config.response_template and kong.response.get_source() == "service" then
    ngx.header["content-length"] = nil
    ngx.ctx.buffer = ""
  end
end

function TemplateTransformerHandler:body_filter(config)
  if not ngx.ctx.buffer then return end
  local chunk, eof = ngx.arg[1], ngx.arg[2]
  ngx.ctx.buffer = ngx.ctx.buffer .. (chunk or "")
  if not eof then
    ngx.arg[1] = nil
    return
  end
  local body = read_json_body(ngx.ctx.buffer)
  if body == nil then
    ngx.arg[1] = ngx.ctx.buffer
    return
  end
  ngx.arg[1] = template.compile(config.response_template, "response" .. config.response_template, true) { headers = ngx.resp.get_headers(), body = body, status = ngx.status, cjson_encode = cjson_encode }
end

return TemplateTransformerHandler
