local typedefs = require "kong.db.schema.typedefs"

local function ensure_positive(threshold)
  if threshold > 0 then return true end
  return false, "threshold must be positive"
end

return {
  name = "wsse",
  fields = {
    { consumer = typedefs.no_consumer },
    { config = { type = "record", fields = {
      { anonymous = { type = "string", default = nil } },
      { timeframe_validation_threshold_in_minutes = { type = "number", default = 5, custom_validator = ensure_positive } },
      { status_code = { type = "number", default = 401 } },
    } } },
  },
}
