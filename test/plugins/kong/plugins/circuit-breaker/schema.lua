return { name = "circuit-breaker", fields = { { config = { type = "record", fields = { { failures = { type = "integer", default = 3 } },
  { window = { type = "number", default = 10 } }, { open_time = { type = "number", default = 1 } } } } } } }
