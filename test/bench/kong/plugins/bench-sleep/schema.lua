return { name = "bench-sleep", fields = { { config = { type = "record", fields = {} } } } }
