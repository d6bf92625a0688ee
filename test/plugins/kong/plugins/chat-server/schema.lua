return { name = "chat-server", fields = { { config = { type = "record", fields = {} } } } }
