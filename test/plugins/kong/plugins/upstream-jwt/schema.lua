return { name = "upstream-jwt", fields = { { config = { type = "record", fields = { { private_key = { type = "string", required = true } } } } } } }
