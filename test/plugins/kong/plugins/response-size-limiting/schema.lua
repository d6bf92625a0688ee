return {
  name = "response-size-limiting",
  fields = { { config = { type = "record", fields = {
    { allowed_payload_size = { type = "integer", default = 128 } },
    { unit = { type = "string", default = "megabytes", one_of = { "megabytes", "bytes" } } },
  } } } },
}
