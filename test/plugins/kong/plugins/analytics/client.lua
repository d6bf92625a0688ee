local http = require "resty.http"
local cjson = require "cjson.safe"
local _M = {}

function _M.sample_rate(conf)
  local res, err = http.new():request_uri(conf.endpoint .. "/config")
  if not res then
    ngx.log(ngx.INFO, "[analytics] no configuration: ", err)
    return 100
  end
  local body = cjson.decode(res.body)
  return body and body.sample_rate or 100
end

return _M
