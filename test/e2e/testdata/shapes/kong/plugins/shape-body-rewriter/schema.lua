return { name = "shape-body-rewriter", fields = { { config = { type = "record", fields = { { remove = { type = "string", required = true } } } } } } }
