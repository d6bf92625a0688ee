local cjson = require "cjson.safe"
local uuid = require "kong.tools.uuid"
local utils = require "kong.tools.utils"
local b64 = require "ngx.base64"

local Session = { PRIORITY = 1900, VERSION = "2.3.0" }

local function dict() return ngx.shared.kong_db_cache_miss end

local function seal(secret, data)
  local payload = b64.encode_base64url(cjson.encode(data))
  return payload .. "." .. b64.encode_base64url(ngx.hmac_sha1(secret, payload))
end

local function open(secret, cookie)
  local payload, mac = cookie:match("^([^.]+)%.([^.]+)$")
  if not payload or b64.encode_base64url(ngx.hmac_sha1(secret, payload)) ~= mac then return nil end
  return cjson.decode((b64.decode_base64url(payload)))
end

function Session:rewrite(conf) end

function Session:access(conf)
  local cookie = ngx.var["cookie_" .. conf.cookie_name]
  local session = cookie and open(conf.secret, cookie)
  if session and session.exp < ngx.time() then session = nil end
  if session then
    local count = dict():incr("session:" .. session.id, 1, 0, conf.ttl)
    kong.service.request.set_header("X-Session-Count", tostring(count))
    kong.service.request.set_header("X-Session-Id", session.id)
  else
    session = { id = uuid.uuid(), exp = ngx.time() + conf.ttl, nonce = utils.random_string() }
    kong.ctx.plugin.fresh = true
  end
  -- the cookie is not the upstream's business
  local rest = {}
  for _, part in ipairs(utils.split(kong.request.get_header("cookie") or "", "; ")) do
    if part ~= "" and part:sub(1, #conf.cookie_name + 1) ~= conf.cookie_name .. "=" then rest[#rest + 1] = part end
  end
  if #rest > 0 then kong.service.request.set_header("Cookie", table.concat(rest, "; ")) else kong.service.request.clear_header("Cookie") end
  kong.ctx.plugin.session = session
end

function Session:header_filter(conf)
  local session = kong.ctx.plugin.session
  if session and kong.ctx.plugin.fresh then
    local attributes = { conf.cookie_name .. "=" .. seal(conf.secret, session), "Path=/", "HttpOnly", "Max-Age=" .. conf.ttl }
    kong.response.add_header("Set-Cookie", table.concat(attributes, "; "))
  end
end

return Session
