return { name = "soap-fields", fields = { { config = { type = "record", fields = { { elements = { type = "array", elements = { type = "string" } } } } } } } }
