-- Shape: entries for a topic of Kafka: resty.kafka.producer out of a timer, one producer per configuration, brokers as "host:port" in the configuration.
local producers = require "kong.plugins.kafka-log.producers"
local cjson = require "cjson"
local cjson_encode = cjson.encode
local tablex = require "pl.tablex"

local KafkaLogHandler = { PRIORITY = 5, VERSION = "1.0.1" }

-- { [uuid] = producer }
local producers_cache = setmetatable({}, { __mode = "k" })

local function log(premature, conf, message)
  if premature then return end
  local cache_key = conf.uuid
  if not cache_key then
    ngx.log(ngx.ERR, "[kafka-log] cannot log a given request because configuration has no uuid")
    return
  end
  local producer = producers_cache[cache_key]
  if not producer then
    kong.log.notice("creating a new Kafka Producer for cache key: ", cache_key)
    local err
    producer, err = producers.new(conf)
    if not producer then
      ngx.log(ngx.ERR, "[kafka-log] failed to create a Kafka Producer for a given configuration: ", err)
      return
    end
    producers_cache[cache_key] = producer
  end
  local ok, err = producer:send(conf.topic, nil, cjson_encode(message))
  if not ok then
    ngx.log(ngx.ERR, "[kafka-log] failed to send a message on topic ", conf.topic, ": ", err)
  end
end

function KafkaLogHandler:log(conf)
  local entry = kong.log.serialize()
  local message = tablex.deepcopy({ request = { method = entry.request.method, uri = entry.request.uri }, status = entry.response.status, latencies = entry.latencies })
  local ok, err = ngx.timer.at(0, log, conf, message)
  if not ok then
    ngx.log(ngx.ERR, "[kafka-log] failed to create timer: ", err)
  end
end

return KafkaLogHandler
