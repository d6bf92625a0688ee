return {
  name = "response-gzip",
  fields = { { config = { type = "record", fields = {
    { content_types = { type = "set", elements = { type = "string" }, default = { "application/json", "text/" } } },
    { level = { type = "integer", default = 6, between = { 1, 9 } } },
  } } } },
}
