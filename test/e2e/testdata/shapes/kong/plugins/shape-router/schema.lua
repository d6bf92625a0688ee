return { name = "shape-router", fields = { { config = { type = "record", fields = { { registry = { type = "string", required = true } } } } } } }
