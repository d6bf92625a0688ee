return { name = "shape-tracer", fields = { { config = { type = "record", fields = { { endpoint = { type = "string", required = true } } } } } } }
