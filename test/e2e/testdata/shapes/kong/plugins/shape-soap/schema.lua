return { name = "shape-soap", fields = { { config = { type = "record", fields = { { elements = { type = "array", elements = { type = "string" } } } } } } } }
