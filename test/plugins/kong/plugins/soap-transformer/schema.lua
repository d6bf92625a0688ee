return {
  name = "soap-transformer",
  fields = { { config = { type = "record", fields = { { method = { type = "string", required = true } } } } } },
}
