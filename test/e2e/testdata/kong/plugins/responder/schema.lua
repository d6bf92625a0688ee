return { name = "responder", fields = { { config = { type = "record", fields = {} } } } }
