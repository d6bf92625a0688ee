local typedefs = require "kong.db.schema.typedefs"
return {
  name = "aws-signer",
  fields = { { config = { type = "record", fields = {
    { access_key = { type = "string", required = true, encrypted = true, referenceable = true } },
    { secret_key = { type = "string", required = true, encrypted = true, referenceable = true } },
    { region = { type = "string", default = "us-east-1" } },
    { service = { type = "string", default = "s3" } },
    { host = typedefs.host { required = true } },
    { fixed_time = { type = "integer" } },
  } } } },
}
