local endpoints = require "kong.api.endpoints"

local schema = kong.db.wsse_keys.schema
local consumers_schema = kong.db.consumers.schema

return {
  ["/consumers/:consumers/wsse_key/"] = {
    schema = schema,
    methods = {
      GET = endpoints.get_collection_endpoint(schema, consumers_schema, "consumer"),
      POST = endpoints.post_collection_endpoint(schema, consumers_schema, "consumer"),
    },
  },
}
