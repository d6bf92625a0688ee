-- Collects events and sends them compressed every now and then, as analytics do.
local http = require "resty.http"
local cjson = require "cjson"
local gzip = require "kong.tools.gzip"

local P = { PRIORITY = 5, VERSION = "1.0.0" }
local batch = {}

local function flush(premature, endpoint)
  if #batch == 0 then return end
  local body = gzip.deflate_gzip(cjson.encode(batch))
  batch = {}
  local res, err = http.new():request_uri(endpoint, { method = "POST", body = body, headers = { ["Content-Encoding"] = "gzip" } })
  if not res then kong.log.err(err) end
end

function P:log(conf)
  if not self.started then
    self.started = true
    ngx.timer.every(0.1, flush, conf.endpoint)
  end
  batch[#batch + 1] = { uri = ngx.var.request_uri, host = ngx.var.host, status = ngx.status, headers = ngx.resp.get_headers(), worker = ngx.worker.id() }
end

return P
