local cjson = require "cjson.safe"
local md5 = ngx.md5

local Cache = { PRIORITY = 100, VERSION = "1.3.1" }

local function key_of(conf)
  local consumer = kong.client.get_consumer()
  local query = kong.request.get_raw_query()
  return md5(table.concat({ consumer and consumer.id or "anonymous", kong.request.get_method(), kong.request.get_path(), query,
    kong.request.get_header("accept") or "" }, "|"))
end

function Cache:init_worker()
  if not ngx.shared.kong then error("no dict") end
end

local function cacheable(conf)
  local method = kong.request.get_method()
  for _, m in ipairs(conf.request_method) do
    if m == method then return true end
  end
  return false
end

function Cache:access(conf)
  local cc = ngx.var.http_cache_control
  if not cacheable(conf) then
    kong.response.set_header("X-Cache-Status", "Bypass")
    return
  end
  local key = key_of(conf)
  local stored = ngx.shared[conf.dictionary_name]:get("rc:" .. key)
  if stored and not (cc and cc:find("no%-cache")) then
    local entry = cjson.decode(stored)
    entry.headers["X-Cache-Status"] = "Hit"
    entry.headers["X-Cache-Key"] = key
    entry.headers["Age"] = math.floor(ngx.time() - entry.timestamp)
    ngx.ctx.KONG_PROXIED = true
    return kong.response.exit(entry.status, ngx.decode_base64(entry.body), entry.headers)
  end
  kong.ctx.plugin.key = key
  kong.response.set_header("X-Cache-Status", "Miss")
end

local overwritable = { connection = true, ["keep-alive"] = true, ["transfer-encoding"] = true, date = true }

function Cache:header_filter(conf)
  local ctx = kong.ctx.plugin
  if not ctx.key then return end
  local ttl = conf.cache_ttl
  local control = kong.service.response.get_header("cache-control")
  if control then
    if control:find("no-store", 1, true) or control:find("private", 1, true) then
      kong.response.set_header("X-Cache-Status", "Bypass")
      ctx.key = nil
      return
    end
    local m = ngx.re.match(control, [[max-age=(\d+)]], "jo")
    if m then ttl = tonumber(m[1]) end
  end
  local wanted
  for _, s in ipairs(conf.response_code) do wanted = wanted or s == kong.response.get_status() end
  if not wanted then
    ctx.key = nil
    return
  end
  ctx.ttl = ttl
  ctx.headers = ngx.resp.get_headers(0, true)
  kong.response.set_header("X-Cache-Key", ctx.key)
end

function Cache:body_filter(conf)
  local ctx = kong.ctx.plugin
  if not ctx.key then return end
  local body = kong.response.get_raw_body()
  if body then
    local headers = {}
    for name, value in pairs(ctx.headers) do
      if not overwritable[name:lower()] and name:lower():sub(1, 7) ~= "x-kong-" then headers[name] = value end
    end
    local ok, err = ngx.shared[conf.dictionary_name]:set("rc:" .. ctx.key,
      cjson.encode({ status = kong.response.get_status(), headers = headers, body = ngx.encode_base64(body), timestamp = ngx.time() }), ctx.ttl)
    if not ok then kong.log.err("cannot store: ", err) end
  end
end

return Cache
