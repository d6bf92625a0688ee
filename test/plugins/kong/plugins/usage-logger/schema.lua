return { name = "usage-logger", fields = { { config = { type = "record", fields = { { url = { type = "string", required = true } } } } } } }
