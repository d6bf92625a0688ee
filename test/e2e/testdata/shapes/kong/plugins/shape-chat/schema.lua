return { name = "shape-chat", fields = { { config = { type = "record", fields = {} } } } }
