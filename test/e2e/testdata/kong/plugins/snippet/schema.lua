return { name = "snippet", fields = { { config = { type = "record", fields = {} } } } }
