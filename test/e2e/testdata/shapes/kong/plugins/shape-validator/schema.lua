return { name = "shape-validator", fields = { { config = { type = "record", fields = { { fields = { type = "array", elements = { type = "record", fields = {
  { name = { type = "string", required = true } }, { type = { type = "string", one_of = { "string", "integer", "boolean", "array" }, default = "string" } },
  { required = { type = "boolean", default = false } }, { pattern = { type = "string" } } } } } } } } } } }
