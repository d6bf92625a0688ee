local sha256 = require "resty.sha256"
local hmac = require "resty.hmac"
local str = require "resty.string"

local HmacVerify = { PRIORITY = 1030, VERSION = "0.1.0" }

local function refuse(conf, why)
  kong.log.debug("refused: ", why)
  return kong.response.exit(403, { message = "HMAC signature does not match" }, { ["X-Why"] = why })
end

function HmacVerify:access(conf)
  local header = kong.request.get_header("x-signature")
  if not header then
    return kong.response.exit(401, { message = "Unauthorized" })
  end
  local params = {}
  for m in ngx.re.gmatch(header, [[(?<name>\w+)="?(?<value>[^",]+)"?]], "jo") do
    params[m.name] = m.value
  end
  local date = ngx.parse_http_time(kong.request.get_header("date") or "")
  if not date or math.abs(ngx.time() - date) > conf.clock_skew then
    return refuse(conf, "date")
  end
  local body = kong.request.get_raw_body() or ""
  local digest = sha256:new()
  digest:update(body)
  local body_hash = str.to_hex(digest:final())
  local text = table.concat({ kong.request.get_method(), kong.request.get_path_with_query(), kong.request.get_header("date"), body_hash }, "\n")
  local expected
  if params.algorithm == "hmac-sha256" then
    expected = ngx.encode_base64(hmac:new(conf.secret, hmac.ALGOS.SHA256):final(text))
  elseif params.algorithm == "hmac-sha1" then
    expected = ngx.encode_base64(ngx.hmac_sha1(conf.secret, text))
  else
    return refuse(conf, "algorithm")
  end
  if expected ~= params.signature then
    return refuse(conf, "signature")
  end
  kong.service.request.clear_header("X-Signature")
  kong.service.request.set_header("X-Verified-Key", params.keyId)
end

return HmacVerify
