return { name = "shape-siteminder", fields = { { config = { type = "record", fields = { { endpoint = { type = "string" } } } } } } }
