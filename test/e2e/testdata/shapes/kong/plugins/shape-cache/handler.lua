-- Keeps answers of GET requests in a shared dictionary.
local cjson = require "cjson"

local P = { PRIORITY = 100, VERSION = "1.0.0" }

function P:access(conf)
  if kong.request.get_method() ~= "GET" then return end
  local key = "cache:" .. ngx.md5(kong.request.get_path_with_query())
  kong.ctx.plugin.key = key
  local text = ngx.shared.kong:get(key)
  if not text then
    kong.response.set_header("X-Cache", "miss")
    return
  end
  local kept = cjson.decode(text)
  kept.headers["X-Cache"] = "hit"
  return kong.response.exit(kept.status, ngx.decode_base64(kept.body), kept.headers)
end

function P:response(conf)
  local key = kong.ctx.plugin.key
  if not key or kong.service.response.get_status() ~= 200 then return end
  ngx.shared.kong:set(key, cjson.encode { status = 200, body = ngx.encode_base64(kong.service.response.get_raw_body()),
    headers = { ["Content-Type"] = kong.service.response.get_header("Content-Type") } }, conf.ttl)
end

return P
