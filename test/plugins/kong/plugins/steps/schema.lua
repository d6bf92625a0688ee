return {
  name = "steps",
  fields = { { config = { type = "record", fields = {
    { steps = { type = "map", required = true, keys = { type = "string" }, values = { type = "string" } } },
  } } } },
}
