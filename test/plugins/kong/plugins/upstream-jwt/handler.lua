-- Signs a token for the service: who asks, for what, with which body.
local pkey = require "resty.openssl.pkey"
local resty_sha256 = require "resty.sha256"
local str = require "resty.string"
local b64 = require "ngx.base64"
local cjson = require "cjson"

local P = { PRIORITY = 900, VERSION = "1.0.0" }

function P:access(conf)
  local key, err = kong.cache:get("upstream-jwt-key", nil, function() return conf.private_key end)
  if err then return kong.response.exit(500) end
  local sha = resty_sha256:new()
  sha:update(kong.request.get_raw_body() or "")
  local payload = { aud = kong.router.get_service().name, jti = require("kong.tools.utils").uuid(), iat = ngx.time(), exp = ngx.time() + 60,
    payloadhash = str.to_hex(sha:final()) }
  local unsigned = b64.encode_base64url('{"typ":"JWT","alg":"RS256"}') .. "." .. b64.encode_base64url(cjson.encode(payload))
  local signature = assert(pkey.new(key):sign(unsigned, "sha256"))
  kong.service.request.set_header("JWT", unsigned .. "." .. b64.encode_base64url(signature))
end

return P
