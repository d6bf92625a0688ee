local typedefs = require "kong.db.schema.typedefs"
local cjson = require "cjson.safe"

local function validate_schema(text)
  local decoded, err = cjson.decode(text)
  if type(decoded) ~= "table" then
    return nil, "failed decoding schema: " .. tostring(err)
  end
  return true
end

return {
  name = "json-validator",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { body_schema = { type = "string", required = true, custom_validator = validate_schema } },
        { allowed_content_types = { type = "set", elements = { type = "string", match = "^[%w-]+/[%w-+.]+$" }, default = { "application/json" } } },
        { verbose_response = { type = "boolean", default = false, required = true } },
        { error_status = { type = "integer", default = 400, one_of = { 400, 422 } } },
      },
    } },
  },
}
