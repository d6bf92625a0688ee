return { name = "bench-frames", fields = { { config = { type = "record", fields = {} } } } }
