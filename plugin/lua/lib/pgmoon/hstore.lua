-- pgmoon.hstore: values of PostgreSQL's extension hstore.
local pairs, tostring, concat = pairs, tostring, table.concat

local M = {}

local function quoted(s) return '"' .. tostring(s):gsub('[\\"]', "\\%0") .. '"' end

-- encode_hstore(t, escape): a literal, quotes and all. false and ngx.null become NULL.
function M.encode_hstore(t, escape)
  local out = {}
  for k, v in pairs(t) do out[#out + 1] = quoted(k) .. "=>" .. ((v == false or v == ngx.null) and "NULL" or quoted(v)) end
  table.sort(out)
  local s = concat(out, ", ")
  if escape then return escape(s) end
  return require("pgmoon").Postgres.escape_literal(nil, s)
end

-- decode_hstore(s): a table; keys whose value is NULL are left out.
function M.decode_hstore(s)
  local out, at = {}, 1
  local function word()
    if s:sub(at, at) ~= '"' then
      local null = s:match("^NULL()", at)
      if not null then error("failed to parse hstore", 0) end
      at = null
      return nil
    end
    local parts, from = {}, at + 1
    while true do
      local i = s:find('["\\]', from)
      if not i then error("failed to parse hstore", 0) end
      parts[#parts + 1] = s:sub(from, i - 1)
      if s:sub(i, i) == '"' then
        at = i + 1
        return concat(parts)
      end
      parts[#parts + 1] = s:sub(i + 1, i + 1)
      from = i + 2
    end
  end
  while at <= #s do
    local key = word()
    local arrow = s:match("^=>()", at)
    if not key or not arrow then error("failed to parse hstore", 0) end
    at = arrow
    out[key] = word()
    at = s:match("^, ()", at) or at
  end
  return out
end

return M
