return { name = "tenant-router", fields = { { config = { type = "record", fields = { { registry = { type = "string", required = true } } } } } } }
