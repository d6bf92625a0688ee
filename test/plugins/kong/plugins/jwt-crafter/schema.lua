return {
  name = "jwt-crafter",
  fields = {
    { config = { type = "record", fields = {
      { expires_in = { type = "number", default = 1200 } },
      { secret = { type = "string", required = true } },
    } } },
  },
}
