local pattern = { type = "string", match = "^[^:]+:.*$" }
return {
  name = "body-rewriter",
  fields = {
    { config = { type = "record", fields = {
      { remove = { type = "array", elements = { type = "string" }, default = {} } },
      { add = { type = "array", elements = pattern, default = {} } },
      { find = { type = "string", is_regex = true } },
      { response = { type = "boolean", default = true } },
    } } },
  },
}
