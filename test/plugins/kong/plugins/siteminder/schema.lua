return { name = "siteminder", fields = { { config = { type = "record", fields = { { endpoint = { type = "string" } } } } } } }
