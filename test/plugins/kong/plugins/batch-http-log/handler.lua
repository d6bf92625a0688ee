local Queue = require "kong.tools.queue"
local cjson = require "cjson"
local url = require "socket.url"
local http = require "resty.http"

local fmt = string.format
local tostring = tostring
local kong = kong

local parsed_urls_cache = {}

local function parse_url(host_url)
  local parsed = parsed_urls_cache[host_url]
  if parsed then return parsed end
  parsed = url.parse(host_url)
  if not parsed.port then
    parsed.port = parsed.scheme == "https" and 443 or 80
  end
  if not parsed.path then parsed.path = "/" end
  parsed_urls_cache[host_url] = parsed
  return parsed
end

local function send_entries(conf, entries)
  local payload = #entries == 1 and entries[1] or "[" .. table.concat(entries, ",") .. "]"
  local parsed = parse_url(conf.http_endpoint)
  local httpc = http.new()
  httpc:set_timeout(conf.timeout)
  local headers = { ["Content-Type"] = "application/json", ["Content-Length"] = #payload, Authorization = conf.token and ("Splunk " .. conf.token) or nil }
  local endpoint = fmt("%s://%s:%d%s", parsed.scheme, parsed.host, parsed.port, parsed.path)
  local res, err = httpc:request_uri(endpoint, { method = conf.method, headers = headers, body = payload, keepalive_timeout = conf.keepalive, ssl_verify = false })
  if not res then return nil, "failed request to " .. endpoint .. ": " .. err end
  if res.status >= 300 then return nil, "request to " .. endpoint .. " returned status code " .. tostring(res.status) end
  return true
end

local HttpLog = { PRIORITY = 12, VERSION = "3.1.0" }

function HttpLog:log(conf)
  if conf.custom_fields_by_lua then
    for key, code in pairs(conf.custom_fields_by_lua) do
      kong.log.set_serialize_value(key, require("kong.tools.sandbox").sandbox(code)())
    end
  end
  local entry = cjson.encode(kong.log.serialize())
  local ok, err = Queue.enqueue(Queue.get_plugin_params("batch-http-log", conf, "batch-http-log:" .. conf.http_endpoint), send_entries, conf, entry)
  if not ok then kong.log.err("failed to enqueue: ", err) end
end

return HttpLog
