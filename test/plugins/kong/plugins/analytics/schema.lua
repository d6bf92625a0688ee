return {
  name = "analytics",
  fields = { { config = { type = "record", fields = {
    { endpoint = { type = "string", required = true } },
    { timeout = { default = 1000, type = "number" } },
    { keepalive = { default = 5000, type = "number" } },
  } } } },
}
