return {
  name = "opa",
  fields = { { config = { type = "record", fields = {
    { host = { type = "string", default = "localhost" } },
    { port = { type = "integer", default = 8181 } },
    { timeout = { type = "number", default = 1000 } },
    { policy_uri = { type = "string", default = "/v1/data/${name}" } },
    { policy = { type = "string", required = true } },
    { keepalive_timeout = { type = "number", default = 60000 } },
    { keepalive_pool_size = { type = "integer", default = 10 } },
  } } } },
}
