return { name = "filters", fields = { { config = { type = "record", fields = {} } } } }
