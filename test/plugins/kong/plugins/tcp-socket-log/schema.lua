return {
  name = "tcp-socket-log",
  fields = {
    { config = { type = "record", fields = {
      { host = { type = "string", required = true } },
      { port = { type = "integer", required = true, between = { 0, 65535 } } },
      { timeout = { type = "number", default = 10000 } },
      { keepalive = { type = "number", default = 60000 } },
      { flush = { type = "number", default = 0.05 } },
    } } },
  },
}
