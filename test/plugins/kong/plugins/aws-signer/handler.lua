local resty_sha256 = require "resty.sha256"
local openssl_hmac = require "resty.openssl.hmac"
local pl_string = require "pl.stringx"

local gsub, upper, sort, concat, char = string.gsub, string.upper, table.sort, table.concat, string.char

local Signer = { PRIORITY = 750, VERSION = "3.4.0" }

local function hmac(secret, data) return openssl_hmac.new(secret, "sha256"):final(data) end

local function hash(str)
  local sha256 = resty_sha256:new()
  sha256:update(str)
  return sha256:final()
end

local function hex(s) return (gsub(s, ".", function(c) return ("%02x"):format(c:byte()) end)) end

local function percent(c) return ("%%%02X"):format(c:byte()) end

local function canonical_query(query)
  local q = {}
  for pair in (query or ""):gmatch("[^&]+") do
    local key, val = pair:match("([^=]*)=?(.*)")
    key = gsub(ngx.unescape_uri(key), "[^%w%-%._~]", percent)
    val = gsub(ngx.unescape_uri(val), "[^%w%-%._~]", percent)
    q[#q + 1] = key .. "=" .. val
  end
  sort(q)
  return concat(q, "&")
end

local function canonical_path(path)
  local segments = pl_string.split(path, "/")
  for i, s in ipairs(segments) do segments[i] = gsub(s, "[^%w%-%._~]", percent) end
  return concat(segments, "/")
end

function Signer:access(conf)
  local timestamp = conf.fixed_time or ngx.time()
  local date, stamp = os.date("!%Y%m%d", timestamp), os.date("!%Y%m%dT%H%M%SZ", timestamp)
  local body = kong.request.get_raw_body() or ""
  local host = conf.host
  local payload = hex(hash(body))
  local headers = { ["host"] = host, ["x-amz-date"] = stamp, ["x-amz-content-sha256"] = payload }
  local names = {}
  for k in pairs(headers) do names[#names + 1] = k end
  sort(names)
  local lines = {}
  for i, k in ipairs(names) do lines[i] = k .. ":" .. headers[k] .. "\n" end
  local signed = concat(names, ";")
  local request = concat({ kong.request.get_method(), canonical_path(kong.request.get_path()), canonical_query(kong.request.get_raw_query()), concat(lines), signed, payload }, "\n")
  local scope = concat({ date, conf.region, conf.service, "aws4_request" }, "/")
  local to_sign = concat({ "AWS4-HMAC-SHA256", stamp, scope, hex(hash(request)) }, "\n")
  local key = hmac(hmac(hmac(hmac("AWS4" .. conf.secret_key, date), conf.region), conf.service), "aws4_request")
  kong.service.request.set_headers({
    ["Host"] = host, ["X-Amz-Date"] = stamp, ["X-Amz-Content-Sha256"] = payload,
    ["Authorization"] = "AWS4-HMAC-SHA256 Credential=" .. conf.access_key .. "/" .. scope .. ", SignedHeaders=" .. signed .. ", Signature=" .. hex(hmac(key, to_sign)),
  })
end

return Signer
