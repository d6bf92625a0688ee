return { name = "collects", fields = { { config = { type = "record", fields = {} } } } }
