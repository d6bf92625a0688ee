return { name = "shape-spec", fields = { { config = { type = "record", fields = { { host = { type = "string" } }, { port = { type = "integer" } } } } } } }
