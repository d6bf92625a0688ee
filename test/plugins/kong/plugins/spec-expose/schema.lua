return { name = "spec-expose", fields = { { config = { type = "record", fields = { { host = { type = "string" } }, { port = { type = "integer" } } } } } } }
