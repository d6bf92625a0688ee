return {
  name = "proxy-cache",
  fields = { { config = { type = "record", fields = {
    { cache_policy_uris = { type = "array", elements = { type = "string" }, required = true } },
    { vary_by_query = { type = "array", elements = { type = "string" }, default = {} } },
    { vary_by_headers = { type = "array", elements = { type = "string" }, default = {} } },
    { expire = { type = "integer", default = 60 } },
    { redis_host = { type = "string", required = true } },
    { redis_port = { type = "number", default = 6379 } },
    { redis_password = { type = "string" } },
    { redis_timeout = { type = "number", default = 2000 } },
  } } } },
}
