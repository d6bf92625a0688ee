-- Batches of log entries to an HTTP endpoint, with retries.
local Queue = require "kong.tools.queue"
local http = require "resty.http"
local cjson = require "cjson"

local P = { PRIORITY = 12, VERSION = "1.0.0" }

local function send(conf, entries)
  local res, err = http.new():request_uri(conf.endpoint, { method = "POST", body = "[" .. table.concat(entries, ",") .. "]",
    headers = { ["Content-Type"] = "application/json" } })
  if not res then return nil, err end
  if res.status >= 300 then return nil, "status " .. res.status end
  return true
end

function P:log(conf)
  local queue = Queue.get_plugin_params("shape-http-log", conf)
  local ok, err = Queue.enqueue(queue, send, conf, cjson.encode(kong.log.serialize()))
  if not ok then kong.log.err("not queued: ", err) end
end

return P
