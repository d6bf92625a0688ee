return { name = "shape-sigv4", fields = { { config = { type = "record", fields = { { endpoint = { type = "string" } }, { key = { type = "string" } },
  { secret = { type = "string" } }, { region = { type = "string", default = "eu-central-1" } } } } } } }
