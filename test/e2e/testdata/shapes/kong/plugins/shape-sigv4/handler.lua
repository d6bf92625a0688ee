-- Signs requests to a cloud service.
local openssl_hmac = require "resty.openssl.hmac"
local resty_sha256 = require "resty.sha256"
local url = require "socket.url"
local to_hex = require("resty.string").to_hex

local P = { PRIORITY = 750, VERSION = "1.0.0" }

local function hmac(key, data) return openssl_hmac.new(key, "sha256"):final(data) end

function P:access(conf)
  local sha = resty_sha256:new()
  sha:update(kong.request.get_raw_body() or "")
  local date = os.date("!%Y%m%d", ngx.time())
  local host = url.parse(conf.endpoint).host
  local canonical = table.concat({ kong.request.get_method(), kong.request.get_path(), kong.request.get_raw_query(), "host:" .. host, to_hex(sha:final()) }, "\n")
  local key = hmac(hmac(hmac("AWS4" .. conf.secret, date), conf.region), "aws4_request")
  kong.service.request.set_header("Authorization", "AWS4-HMAC-SHA256 Credential=" .. conf.key .. "/" .. date .. ", Signature=" .. to_hex(hmac(key, canonical)))
end

return P
