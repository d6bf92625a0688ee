-- pgmoon.json: JSON values in a query's text.
local M = {}

function M.decode_json(s) return require("cjson").decode(s) end

-- encode_json(value, escape): a literal, quotes and all.
function M.encode_json(value, escape)
  local s = require("cjson").encode(value)
  if escape then return escape(s) end
  return require("pgmoon").Postgres.escape_literal(nil, s)
end

return M
