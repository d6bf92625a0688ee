return { name = "shape-redis-limit", fields = { { config = { type = "record", fields = { { host = { type = "string", required = true } },
  { database = { type = "integer", default = 0 } }, { limit = { type = "integer", gt = 0, required = true } } } } } } }
