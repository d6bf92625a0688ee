return {
  name = "runaway",
  fields = {
    { config = { type = "record", fields = {} } },
  },
}
