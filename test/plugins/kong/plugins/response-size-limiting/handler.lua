-- Shape: the answer is replaced in header_filter and body_filter with ngx.status, ngx.header, ngx.arg and ngx.ctx.
local kong = kong
local ngx = ngx

local ResponseSizeLimiting = { PRIORITY = 802, VERSION = "1.0.0" }
local MB = 2 ^ 20

local function too_large(limit)
  return '{"message":"Response size limit exceeded","limit":' .. limit .. "}"
end

function ResponseSizeLimiting:header_filter(conf)
  local limit = conf.allowed_payload_size * (conf.unit == "bytes" and 1 or MB)
  local length = tonumber(ngx.header["Content-Length"])
  if length and length > limit then
    ngx.log(ngx.DEBUG, "Upstream response size is ", length)
    ngx.ctx.rsl_body = too_large(limit)
    ngx.status = 413
    ngx.header["Content-Type"] = "application/json; charset=utf-8"
    ngx.header["Content-Length"] = nil
    ngx.header.content_encoding = nil
  end
end

function ResponseSizeLimiting:body_filter(conf)
  local body = ngx.ctx.rsl_body
  if not body then return end
  if ngx.arg[2] then
    ngx.arg[1] = body
  else
    ngx.arg[1] = nil
  end
end

return ResponseSizeLimiting
