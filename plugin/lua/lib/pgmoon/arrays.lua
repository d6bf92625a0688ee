-- pgmoon.arrays: PostgreSQL's array literals.
local type, tostring, setmetatable, getmetatable, concat, error = type, tostring, setmetatable, getmetatable, table.concat, error
local sub, find = string.sub, string.find

local M = {}

-- PostgresArray marks a list as an array of a query's parameters; results that are arrays are marked, too.
local mt
mt = { __index = {} }
mt.__name = "PostgresArray"

local function text(v)
  local t = type(v)
  if t == "table" then
    local out = {}
    for i = 1, #v do out[i] = text(v[i]) end
    return "{" .. concat(out, ",") .. "}"
  elseif t == "number" then return tostring(v)
  elseif t == "boolean" then return v and "t" or "f"
  elseif t == "string" then return '"' .. v:gsub('[\\"]', "\\%0") .. '"'
  elseif v == ngx.null then return "NULL" end
  error("don't know how to put a " .. t .. " into an array", 0)
end
M.text = text

mt.pgmoon_serialize = function(v) return 0, text(v) end

M.PostgresArray = setmetatable({ __base = mt.__index }, { __call = function(_, list) return setmetatable(list, mt) end })

function M.is_array(v) return getmetatable(v) == mt end

local literal

-- encode_array(list, escape): ARRAY[…] for a query's text.
function M.encode_array(list, escape)
  if not escape then
    local Postgres = require("pgmoon").Postgres
    escape = function(v) return Postgres.escape_literal(nil, v) end
  end
  return "ARRAY" .. literal(list, escape)
end

function literal(list, escape)
  local out = {}
  for i = 1, #list do
    local v = list[i]
    out[i] = type(v) == "table" and literal(v, escape) or escape(v)
  end
  return "[" .. concat(out, ",") .. "]"
end

-- decode_array(s, convert, pg): "{1,2}" as a list, elements through convert(text); NULL becomes pg.NULL, ngx.null without pg.
-- Raises an error for what is none.
function M.decode_array(s, convert, pg)
  local at, null = 1, pg and pg.NULL or ngx.null
  if sub(s, 1, 1) == "[" then at = (find(s, "=", 1, true) or 0) + 1 end -- bounds such as [0:2]=

  local function element()
    local c = sub(s, at, at)
    if c == '"' then
      local out, from = {}, at + 1
      while true do
        local i = find(s, '["\\]', from)
        if not i then error("failed to parse postgresql array", 0) end
        out[#out + 1] = sub(s, from, i - 1)
        if sub(s, i, i) == '"' then
          at = i + 1
          break
        end
        out[#out + 1] = sub(s, i + 1, i + 1)
        from = i + 2
      end
      local v = concat(out)
      if convert then return convert(v) end
      return v
    end
    local stop = find(s, "[,}]", at)
    if not stop then error("failed to parse postgresql array", 0) end
    local v = sub(s, at, stop - 1)
    at = stop
    if v:upper() == "NULL" then return null end
    if convert then return convert(v) end
    return v
  end

  local function list(depth)
    if depth > 6 or sub(s, at, at) ~= "{" then error("failed to parse postgresql array", 0) end -- six dimensions are PostgreSQL's most
    local out = setmetatable({}, mt)
    at = at + 1
    if sub(s, at, at) == "}" then
      at = at + 1
      return out
    end
    while true do
      out[#out + 1] = sub(s, at, at) == "{" and list(depth + 1) or element()
      local c = sub(s, at, at)
      at = at + 1
      if c == "}" then return out end
      if c ~= "," then error("failed to parse postgresql array", 0) end
    end
  end

  local out = list(1)
  if at <= #s then error("failed to parse postgresql array", 0) end
  return out
end

return M
