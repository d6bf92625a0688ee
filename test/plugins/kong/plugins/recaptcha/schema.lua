return { name = "recaptcha", fields = { { config = { type = "record", fields = { { endpoint = { type = "string" } }, { secret = { type = "string" } } } } } } }
