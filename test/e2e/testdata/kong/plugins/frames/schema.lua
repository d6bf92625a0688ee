return { name = "frames", fields = { { config = { type = "record", fields = {} } } } }
