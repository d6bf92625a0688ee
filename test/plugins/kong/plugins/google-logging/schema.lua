return {
  name = "google-logging",
  fields = { { config = { type = "record", fields = {
    { client_email = { type = "string", required = true } },
    { private_key = { type = "string", required = true } },
    { token_uri = { type = "string", required = true } },
    { endpoint = { type = "string", required = true } },
    { max_batch_size = { type = "integer", default = 200 } },
    { flush_timeout = { type = "number", default = 2 } },
    { retry_count = { type = "integer", default = 3 } },
  } } } },
}
