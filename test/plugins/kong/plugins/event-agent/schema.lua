return { name = "event-agent", fields = { { config = { type = "record", fields = { { endpoint = { type = "string" } } } } } } }
