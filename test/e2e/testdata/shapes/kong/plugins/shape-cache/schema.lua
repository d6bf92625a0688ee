return { name = "shape-cache", fields = { { config = { type = "record", fields = { { ttl = { type = "number", default = 10 } } } } } } }
