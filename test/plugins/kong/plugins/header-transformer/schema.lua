local strings_array = { type = "array", default = {}, elements = { type = "string" } }
local strings_array_record = { type = "record", fields = { { headers = strings_array }, { querystring = strings_array } } }

local function colon(pair)
  if not pair:find(":", 1, true) then return nil, "missing value in '" .. pair .. "'" end
  return true
end

return {
  name = "header-transformer",
  fields = {
    { config = { type = "record", fields = {
      { http_method = { type = "string", match = "^%u+$" } },
      { remove = strings_array_record },
      { add = strings_array_record },
      { append = strings_array_record },
      { replace_path = { type = "string" } },
      { response_headers = { type = "array", default = {}, elements = { type = "string", custom_validator = colon } } },
    } } },
  },
}
