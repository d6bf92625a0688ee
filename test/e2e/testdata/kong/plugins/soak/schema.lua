return {
  name = "soak",
  fields = {
    { config = { type = "record", fields = {} } },
  },
}
