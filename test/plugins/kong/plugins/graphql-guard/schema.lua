return {
  name = "graphql-guard",
  fields = { { config = { type = "record", fields = {
    { max_depth = { type = "integer", default = 3, gt = 0 } },
    { mutations = { type = "boolean", default = false } },
  } } } },
}
