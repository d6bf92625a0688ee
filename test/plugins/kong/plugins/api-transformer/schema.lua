return {
  name = "api-transformer",
  fields = { { config = { type = "record", fields = {
    { request_transformer = { type = "string", required = true } },
    { response_transformer = { type = "string", required = true } },
  } } } },
}
