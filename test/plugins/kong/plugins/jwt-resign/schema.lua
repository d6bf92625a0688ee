return {
  name = "jwt-resign",
  fields = {
    { config = {
      type = "record",
      fields = {
        { header = { type = "string", default = "authorization" } },
        { verify_key = { type = "string", required = true, referenceable = true } },
        { signing_key = { type = "string", required = true } },
        { issuer = { type = "string", required = true } },
        { ttl = { type = "integer", default = 60, gt = 0 } },
        { allowed_algorithms = { type = "array", elements = { type = "string" }, default = { "HS256" } } },
        { remove_claims = { type = "array", elements = { type = "string" }, default = {} } },
      },
    } },
  },
}
