-- kong.tools.responses: answers as plugins of old times make them
local M = {
  status_codes = {
    HTTP_OK = 200, HTTP_CREATED = 201, HTTP_NO_CONTENT = 204, HTTP_BAD_REQUEST = 400, HTTP_UNAUTHORIZED = 401, HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404, HTTP_METHOD_NOT_ALLOWED = 405, HTTP_CONFLICT = 409, HTTP_UNSUPPORTED_MEDIA_TYPE = 415,
    HTTP_INTERNAL_SERVER_ERROR = 500, HTTP_SERVICE_UNAVAILABLE = 503,
  },
}

local texts = {
  [401] = "Unauthorized", [404] = "Not found", [405] = "Method not allowed", [500] = "An unexpected error occurred",
  [503] = "Service unavailable",
}

function M.send(status, body, headers)
  if status == 500 and body then
    kong.log.err(body)
    body = nil
  end
  body = body or texts[status]
  if type(body) == "string" then body = { message = body } end
  return kong.response.exit(status, body, headers)
end

for name, status in pairs(M.status_codes) do
  M["send_" .. name] = function(body, headers) return M.send(status, body, headers) end
end

return setmetatable(M, { __call = function(_, status, body, headers) return M.send(status, body, headers) end })
