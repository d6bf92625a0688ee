return {
  name = "middleman",
  fields = {
    { config = { type = "record", fields = {
      { url = { type = "string", required = true } },
      { response = { type = "string", required = true, default = "table", one_of = { "table", "string" } } },
      { timeout = { type = "number", default = 10000 } },
      { keepalive = { type = "number", default = 60000 } },
    } } },
  },
}
