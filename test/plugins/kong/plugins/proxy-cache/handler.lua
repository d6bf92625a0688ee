-- Shape: whole answers in Redis, written by a timer out of body_filter, given with ngx.print and ngx.exit; base_plugin and ngx.ctx.
local BasePlugin = require "kong.plugins.base_plugin"
local redis = require "resty.redis"
local cjson_decode = require("cjson").decode
local cjson_encode = require("cjson").encode

local CacheHandler = BasePlugin:extend()
CacheHandler.PRIORITY = 905
CacheHandler.VERSION = "0.3.0"

local function cacheable_request(method, uri, conf)
  if method ~= "GET" then return false end
  for _, v in ipairs(conf.cache_policy_uris) do
    if string.match(uri, "^" .. v .. "$") then return true end
  end
  return false
end

local function get_cache_key(uri, headers, query_params, conf)
  local cache_key = uri
  table.sort(query_params)
  for _, param in ipairs(conf.vary_by_query) do
    local v = query_params[param]
    if v then cache_key = cache_key .. ":" .. param .. "=" .. (type(v) == "table" and table.concat(v, ",") or v) end
  end
  for _, h in ipairs(conf.vary_by_headers) do
    if headers[h] then cache_key = cache_key .. ":" .. h .. "=" .. headers[h] end
  end
  return cache_key
end

local function connect_to_redis(conf)
  local red = redis:new()
  red:set_timeout(conf.redis_timeout)
  local ok, err = red:connect(conf.redis_host, conf.redis_port)
  if err then return nil, err end
  if conf.redis_password and conf.redis_password ~= "" then
    ok, err = red:auth(conf.redis_password)
    if err then return nil, err end
  end
  return red
end

local function red_set(premature, key, val, conf)
  local red, err = connect_to_redis(conf)
  if err then
    ngx.log(ngx.ERR, "failed to connect to Redis: ", err)
    return
  end
  red:init_pipeline()
  red:set(key, val)
  if conf.expire then red:expire(key, conf.expire) end
  local _, perr = red:commit_pipeline()
  if perr then ngx.log(ngx.ERR, "failed to commit the cache value to Redis: ", perr) end
end

function CacheHandler:new()
  CacheHandler.super.new(self, "proxy-cache")
end

function CacheHandler:access(conf)
  CacheHandler.super.access(self)
  local uri = ngx.var.uri
  if not cacheable_request(ngx.req.get_method(), uri, conf) then
    ngx.log(ngx.NOTICE, "not cacheable")
    return
  end
  local cache_key = get_cache_key(uri, ngx.req.get_headers(), ngx.req.get_uri_args(), conf)
  local red, err = connect_to_redis(conf)
  if err then
    ngx.log(ngx.ERR, "failed to connect to Redis: ", err)
    return
  end
  local cached_val
  cached_val, err = red:get(cache_key)
  if cached_val and cached_val ~= ngx.null then
    local val = cjson_decode(cached_val)
    for k, v in pairs(val.headers) do ngx.header[k] = v end
    ngx.header["X-Cache-Status"] = "HIT"
    ngx.status = 200
    ngx.print(val.content)
    return ngx.exit(200)
  end
  ngx.header["X-Cache-Status"] = "MISS"
  ngx.ctx.response_cache = { cache_key = cache_key }
end

function CacheHandler:header_filter(conf)
  CacheHandler.super.header_filter(self)
  local ctx = ngx.ctx.response_cache
  if not ctx then
    ngx.header["X-Cache-Status"] = ngx.header["X-Cache-Status"] or "BYPASS"
    return
  end
  ctx.headers = ngx.resp.get_headers()
  ngx.header["X-Cache-Key"] = ctx.cache_key
end

function CacheHandler:body_filter(conf)
  CacheHandler.super.body_filter(self)
  local ctx = ngx.ctx.response_cache
  if not ctx then return end
  local chunk, eof = ngx.arg[1], ngx.arg[2]
  local res_body = ctx.res_body or ""
  res_body = res_body .. (chunk or "")
  ctx.res_body = res_body
  if eof and ngx.status == 200 then
    local headers = {}
    for k, v in pairs(ctx.headers) do
      if k ~= "connection" and k ~= "transfer-encoding" and k ~= "content-length" and k ~= "x-cache-status" then headers[k] = v end
    end
    local ok, err = ngx.timer.at(0, red_set, ctx.cache_key, cjson_encode({ headers = headers, content = res_body }), conf)
    if not ok then ngx.log(ngx.CRIT, err) end
  end
end

return CacheHandler
