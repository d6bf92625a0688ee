return {
  name = "flexible-limit",
  fields = { { config = { type = "record", fields = {
    { redis_host = { type = "string", required = true } }, { redis_port = { type = "integer", default = 6379, between = { 1, 65535 } } }, { redis_auth = { type = "string" } },
    { redis_timeout = { type = "number", default = 2000 } }, { err_on_redis = { type = "boolean", default = false } },
    { rules = { type = "map", required = true, keys = { type = "string" }, values = { type = "record", fields = {
      { redis_key = { type = "string", required = true } }, { window = { type = "number", required = true, gt = 0 } }, { limit = { type = "integer", required = true } },
      { err_msg = { type = "string", default = "Too many requests" } },
    } } } },
  } } } },
}
