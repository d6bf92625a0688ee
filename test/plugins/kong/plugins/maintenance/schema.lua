return {
  name = "maintenance",
  fields = { { config = { type = "record", fields = {
    { status = { type = "integer", default = 503 } },
    { title = { type = "string", default = "Under maintenance" } },
    { retry_after = { type = "integer", default = 120 } },
  } } } },
}
