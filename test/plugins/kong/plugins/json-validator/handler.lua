local cjson = require("cjson.safe").new()
cjson.decode_array_with_array_mt(true)

local validator = require "kong.plugins.json-validator.validator"

local kong = kong
local lower = string.lower

local JsonValidator = { PRIORITY = 999, VERSION = "0.4.2" }

local compiled = setmetatable({}, { __mode = "k" })

function JsonValidator:init_worker()
  kong.log.debug("validator ready")
end

function JsonValidator:access(conf)
  local content_type = kong.request.get_header("content-type")
  if conf.allowed_content_types then
    local known = false
    for _, t in ipairs(conf.allowed_content_types) do
      if content_type and lower(content_type):sub(1, #t) == t then known = true end
    end
    if not known then
      return kong.response.error(415, "specified Content-Type is not allowed")
    end
  end
  local check = compiled[conf]
  if not check then
    check = validator.compile(cjson.decode(conf.body_schema))
    compiled[conf] = check
  end
  local raw, err = kong.request.get_raw_body(1048576)
  if err then
    return kong.response.exit(413, { message = err })
  end
  local body, decode_err = cjson.decode(raw)
  if body == nil then
    return kong.response.exit(400, { message = "cannot parse request body", detail = decode_err ~= nil })
  end
  local ok, problems = check(body)
  if not ok then
    if conf.verbose_response then
      return kong.response.exit(conf.error_status, { message = "request body doesn't conform to schema", errors = problems })
    end
    return kong.response.exit(conf.error_status, { message = "request body doesn't conform to schema" })
  end
end

return JsonValidator
