return { name = "shape-oidc", fields = { { config = { type = "record", fields = { { issuer = { type = "string", required = true } },
  { client_id = { type = "string", required = true } }, { secret = { type = "string", required = true } } } } } } }
