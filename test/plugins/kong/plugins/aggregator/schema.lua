return { name = "aggregator", fields = { { config = { type = "record", fields = { { urls = { type = "array", elements = { type = "string" } } } } } } } }
