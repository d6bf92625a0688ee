local endpoints = require "kong.api.endpoints"
local entity_schema = kong.db.entity_keys.schema
local consumers_schema = kong.db.consumers.schema

return {
  ["/entity-keys"] = { schema = entity_schema, methods = { GET = endpoints.get_collection_endpoint(entity_schema) } },
  ["/consumers/:consumers/entity-key"] = {
    schema = entity_schema,
    methods = {
      GET = endpoints.get_collection_endpoint(entity_schema, consumers_schema, "consumer"),
      POST = endpoints.post_collection_endpoint(entity_schema, consumers_schema, "consumer"),
    },
  },
}
