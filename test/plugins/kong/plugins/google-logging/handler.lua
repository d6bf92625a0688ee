-- Shape: entries are gathered per worker and sent with a token that a service account's key signs: resty.openssl.pkey and digest, ngx.base64, ngx.ctx,
-- ngx.timer.at, socket.gettime.
local cjson = require "cjson"
local socket = require "socket"
local ngx_base64 = require "ngx.base64"
local http = require "resty.http"
local openssl_pkey = require "resty.openssl.pkey"
local openssl_digest = require "resty.openssl.digest"

local Logging = { PRIORITY = 5, VERSION = "1.0.0" }
local queue, flushing = {}, false
local token, token_until = nil, 0

local function b64(v) return ngx_base64.encode_base64url(type(v) == "table" and cjson.encode(v) or v) end

local function access_token(conf)
  ngx.update_time()
  if token and ngx.time() < token_until then return token end
  local now = ngx.time()
  local text = b64({ alg = "RS256", typ = "JWT" }) .. "." .. b64({ iss = conf.client_email, scope = "logging.write", aud = conf.token_uri, exp = now + 3600, iat = now })
  local key, err = openssl_pkey.new(conf.private_key)
  if not key then return nil, err end
  local digest = openssl_digest.new("sha256")
  digest:update(text)
  local signature = assert(key:sign(digest))
  local res
  res, err = http.new():request_uri(conf.token_uri, { method = "POST", headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
    body = ngx.encode_args({ grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion = text .. "." .. b64(signature) }) })
  if not res or res.status ~= 200 then return nil, err or "status " .. res.status end
  local body = cjson.decode(res.body)
  token, token_until = body.access_token, now + body.expires_in - 60
  return token
end

local function flush(premature, conf)
  flushing = false
  local entries = queue
  queue = {}
  if #entries == 0 then return end
  for try = 1, conf.retry_count + 1 do
    local t, err = access_token(conf)
    local res
    if t then
      res, err = http.new():request_uri(conf.endpoint, { method = "POST", body = cjson.encode({ entries = entries }),
        headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Splunk " .. t } })
    end
    if res and res.status == 200 then return end
    kong.log.warn("cannot send ", #entries, " entries: ", err or res.status)
    if premature then return end
    ngx.sleep(0.02 * try)
  end
  kong.log.crit("entries are lost: ", #entries)
end

function Logging:access(conf)
  ngx.ctx.google_logging = { start = socket.gettime(), size = #(kong.request.get_raw_body() or "") }
end

function Logging:body_filter(conf)
  local ctx = ngx.ctx.google_logging
  if not ctx then return end
  ctx.response_size = (ctx.response_size or 0) + #(ngx.arg[1] or "")
  if ngx.arg[2] then ctx.ended = true end
end

function Logging:log(conf)
  local ctx = ngx.ctx.google_logging
  local log = kong.log.serialize()
  queue[#queue + 1] = { severity = log.response.status >= 500 and "ERROR" or "INFO", httpRequest = { requestMethod = log.request.method, requestUrl = log.request.url, status = log.response.status,
    requestSize = ctx.size, responseSize = ctx.response_size, latency = ("%.3fs"):format(socket.gettime() - ctx.start), ended = ctx.ended }, labels = { service = log.service and log.service.name } }
  if #queue >= conf.max_batch_size or not flushing then
    flushing = true
    local ok, err = ngx.timer.at(#queue >= conf.max_batch_size and 0 or conf.flush_timeout, flush, conf)
    if not ok then kong.log.err("no timer: ", err) end
  end
end

return Logging
