return {
  name = "error-pages",
  fields = { { config = { type = "record", fields = {
    { from = { type = "integer", default = 500 } },
    { template = { type = "string" } },
    { messages = { type = "map", keys = { type = "string", match = "^%d%d%d$" }, values = { type = "string" }, default = {} } },
    { map = { type = "map", keys = { type = "string" }, values = { type = "integer" }, default = {} } },
  } } } },
}
