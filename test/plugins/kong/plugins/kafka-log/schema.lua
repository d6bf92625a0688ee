local types = require "kong.plugins.kafka-log.types"

return {
  name = "kafka-log",
  fields = { { config = { type = "record", fields = {
    { bootstrap_servers = { type = "array", required = true, elements = { type = "string", custom_validator = types.bootstrap_server } } },
    { topic = { type = "string", required = true } },
    { timeout = { type = "integer", default = 10000 } },
    { keepalive = { type = "integer", default = 60000 } },
    { security_protocol = { type = "string", default = "PLAINTEXT", one_of = { "PLAINTEXT", "SSL" } } },
    { producer_request_acks = { type = "integer", default = 1, one_of = { -1, 0, 1 } } },
    { producer_request_timeout = { type = "integer", default = 2000 } },
    { producer_request_limits_messages_per_request = { type = "integer", default = 200 } },
    { producer_request_limits_bytes_per_request = { type = "integer", default = 1048576 } },
    { producer_request_retries_max_attempts = { type = "integer", default = 10 } },
    { producer_request_retries_backoff_timeout = { type = "integer", default = 100 } },
    { producer_async = { type = "boolean", default = true } },
    { producer_async_flush_timeout = { type = "integer", default = 1000 } },
    { producer_async_buffering_limits_messages_in_memory = { type = "integer", default = 50000 } },
    { uuid = { type = "string", uuid = true, auto = true } },
  } } } },
}
