return { name = "tx-debugger", fields = { { config = { type = "record", fields = {} } } } }
