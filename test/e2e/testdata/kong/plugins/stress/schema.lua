return { name = "stress", fields = { { config = { type = "record", fields = {} } } } }
