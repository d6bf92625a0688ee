return { name = "bench-callout", fields = { { config = { type = "record", fields = { { url = { type = "string", required = true } } } } } } }
