local template = require "resty.template"

local function compiles(text)
  local ok, err = pcall(template.compile, text, "check" .. text, true)
  if not ok then return nil, "error on parsing the template: " .. tostring(err) end
  return true
end

return {
  name = "template-transformer",
  fields = { { config = { type = "record", fields = {
    { request_template = { type = "string", required = false, custom_validator = compiles } },
    { response_template = { type = "string", required = false, custom_validator = compiles } },
  } } } },
}
