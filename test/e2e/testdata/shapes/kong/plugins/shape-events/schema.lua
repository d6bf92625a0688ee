return { name = "shape-events", fields = { { config = { type = "record", fields = { { endpoint = { type = "string" } } } } } } }
