-- Asks several services at once and joins their answers.
local http = require "resty.http"
local cjson = require "cjson"

local P = { PRIORITY = 700, VERSION = "1.0.0" }

function P:access(conf)
  local threads = {}
  for i, url in ipairs(conf.urls) do
    threads[i] = ngx.thread.spawn(function()
      local client = http.new()
      client:set_timeout(1000)
      local res, err = client:request_uri(url)
      return res and res.body or "failed: " .. err
    end)
  end
  local out = {}
  for i, t in ipairs(threads) do
    local ok, body = ngx.thread.wait(t)
    out[i] = ok and body or "error"
  end
  return kong.response.exit(200, { answers = out })
end

return P
