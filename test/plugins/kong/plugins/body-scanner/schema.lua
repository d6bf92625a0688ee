return { name = "body-scanner", fields = { { config = { type = "record", fields = { { forbidden = { type = "string", required = true } } } } } } }
