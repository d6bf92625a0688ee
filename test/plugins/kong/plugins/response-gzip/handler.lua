-- Shape: the answer is compressed by the gateway: kong.service.response.get_header, kong.response.get_raw_body and set_raw_body, zlib.
local zlib = require "zlib"

local kong = kong
local GzipHandler = { PRIORITY = 5, VERSION = "0.1.0" }

function GzipHandler:header_filter(conf)
  local encoding = kong.service.response.get_header("content-encoding")
  local kind = kong.service.response.get_header("content-type") or ""
  local accepts = (kong.request.get_header("accept-encoding") or ""):find("gzip", 1, true)
  if encoding or not accepts then return end
  local fits
  for _, t in ipairs(conf.content_types) do fits = fits or kind:find(t, 1, true) end
  if not fits then return end
  kong.ctx.plugin.gzip = true
  kong.response.clear_header("Content-Length")
  kong.response.clear_header("ETag")
  kong.response.set_header("Content-Encoding", "gzip")
  kong.response.set_header("Vary", "Accept-Encoding")
end

function GzipHandler:body_filter(conf)
  if not kong.ctx.plugin.gzip then return end
  local body = kong.response.get_raw_body()
  if not body then return end
  local ok, packed = pcall(function() return (zlib.deflate(conf.level, 15 + 16)(body, "finish")) end)
  if not ok then
    kong.log.err("cannot compress: ", packed)
    return
  end
  kong.response.set_raw_body(packed)
end

return GzipHandler
