return { name = "b3-tracer", fields = { { config = { type = "record", fields = { { endpoint = { type = "string", required = true } } } } } } }
