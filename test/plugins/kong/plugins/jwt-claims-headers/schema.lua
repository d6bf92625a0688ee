return {
  name = "jwt-claims-headers",
  fields = { { config = { type = "record", fields = {
    { uri_param_names = { type = "set", elements = { type = "string" }, default = { "jwt" } } },
    { claims_to_include = { type = "array", elements = { type = "string" }, default = { ".*" } } },
    { continue_on_error = { type = "boolean", default = false } },
  } } } },
}
