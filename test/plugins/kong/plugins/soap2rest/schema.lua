return {
  name = "soap2rest",
  fields = { { config = { type = "record", fields = { { model = { type = "string", required = true } } } } } },
}
