-- kong.db: the entities. Reads answer from memory; without a database writes are refused.
local op = require "gibbon.op"

local ask_schema, ask_select, ask_by, ask_cache_key = op.ask("db.schema"), op.ask("db.select"), op.ask("db.by"), op.ask("db.by_cache_key")
local ask_page, ask_write, ask_workspace = op.ask("db.page"), op.ask("db.write"), op.ask("db.workspace")

local STRATEGY = "off"

-- failure gives nil, "[off] text", error table.
local function failure(code, name, message, fields)
  return nil, "[" .. STRATEGY .. "] " .. message, { code = code, name = name, message = message, fields = fields, strategy = STRATEGY }
end

local function is_uuid(s)
  return type(s) == "string" and #s == 36 and s:find("^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$") == 1
end

local DAO = {}

local function check_key(self, pk, level)
  if type(pk) ~= "table" then error("primary_key must be a table", level + 1) end
  if pk.id == nil then
    return failure(1, "invalid primary key", "invalid primary key: '{id=\"missing primary key\"}'", { id = "missing primary key" })
  end
  if not is_uuid(pk.id) then
    return failure(1, "invalid primary key", "invalid primary key: '{id=\"expected a valid UUID\"}'", { id = "expected a valid UUID" })
  end
  return pk.id
end

function DAO.select(self, pk)
  local id, err, err_t = check_key(self, pk, 2)
  if not id then return nil, err, err_t end
  return ask_select(self.schema.name, id)
end

-- ---- cache keys ----

local SLOTS = 5

local function slot(v)
  if type(v) == "table" then v = v.id end
  if v == nil or v == ngx.null then return "" end
  return tostring(v)
end

function DAO.cache_key(self, key, ...)
  local values = {}
  if type(key) == "table" then
    local fields = self.schema.cache_key
    if not fields or key[fields[1]] == nil then fields = self.schema.primary_key end
    for i, f in ipairs(fields) do values[i] = slot(key[f]) end
  else
    values[1] = slot(key)
    for i = 1, SLOTS - 1 do values[i + 1] = slot((select(i, ...))) end
  end
  for i = 1, SLOTS do values[i] = values[i] or "" end
  local ws = self.schema.workspaceable == false and "" or ask_workspace()
  return self.schema.name .. ":" .. table.concat(values, ":", 1, SLOTS) .. ":" .. (ws or "")
end

function DAO.select_by_cache_key(self, key)
  if type(key) ~= "string" then error("cache_key must be a string", 2) end
  local fields = self.schema.cache_key
  -- a key of one field is that field's unique index, which the reference's DB-less store does not search here
  if not fields or #fields < 2 then return nil end
  local values = {}
  for part in (key:sub(#self.schema.name + 2) .. ":"):gmatch("(.-):") do values[#values + 1] = part end
  return ask_cache_key(self.schema.name, values)
end

-- ---- lists ----

local function check_size(size, level)
  if size == nil then return 1000 end
  if type(size) ~= "number" then error("size must be a number", level + 1) end
  if size < 1 or size > 2048 or size % 1 ~= 0 then
    return failure(9, "invalid size", "size must be an integer between 1 and 2048")
  end
  return size
end

-- A full page has an offset even where nothing follows; this one stands for an empty page.
local END = "end"

local function page(self, size, offset, field, id)
  if offset == END then return {}, nil, nil, nil end
  local rows, after, err = ask_page(self.schema.name, size, offset, field, id)
  if not rows then return failure(8, "database error", err or "no such entity") end
  if not after and #rows == size then after = END end
  return rows, nil, nil, after
end

function DAO.page(self, size, offset)
  local n, err, err_t = check_size(size, 2)
  if not n then return nil, err, err_t end
  if offset ~= nil and type(offset) ~= "string" then error("offset must be a string", 2) end
  return page(self, n, offset)
end

local function iterate(self, size, field, id)
  local rows, i, after, number = nil, 0, nil, 0
  return function()
    i = i + 1
    while not rows or i > #rows do
      if rows and not after then return nil end
      local err
      rows, err, _, after = page(self, size, after, field, id)
      if not rows then
        rows, after = {}, nil
        return false, err, number
      end
      number, i = number + 1, 1
      if #rows == 0 and not after then return nil end
    end
    return rows[i], nil, number
  end
end

function DAO.each(self, size)
  local n, err = check_size(size, 2)
  if not n then
    local told
    return function()
      if told then return nil end
      told = true
      return false, err
    end
  end
  return iterate(self, n)
end

-- ---- by a field ----

local function by_field(field)
  return function(self, value)
    if value == nil then error("invalid '" .. field .. "' value: nil", 2) end
    if type(value) == "table" then value = value.id end
    return ask_by(self.schema.name, field, tostring(value))
  end
end

local function page_for(field)
  return function(self, fk, size, offset)
    if type(fk) ~= "table" then error("foreign_key must be a table", 2) end
    local n, err, err_t = check_size(size, 2)
    if not n then return nil, err, err_t end
    return page(self, n, offset, field, fk.id)
  end
end

local function each_for(field)
  return function(self, fk, size)
    if type(fk) ~= "table" then error("foreign_key must be a table", 2) end
    return iterate(self, check_size(size, 2) or 1000, field, fk.id)
  end
end

-- ---- writes ----

local function writer(verb)
  return function(self, ...)
    local done, message = ask_write(self.schema.name, verb, ...)
    if message then return failure(15, "operation unsupported", message) end
    return done
  end
end

for _, verb in ipairs { "insert", "update", "upsert", "delete", "truncate" } do DAO[verb] = writer(verb) end

local families = {
  { "^select_by_(.+)$", by_field }, { "^page_for_(.+)$", page_for }, { "^each_for_(.+)$", each_for },
  { "^(update)_by_.+$", writer }, { "^(upsert)_by_.+$", writer }, { "^(delete)_by_.+$", writer },
}

local function method(self, name)
  local m = DAO[name]
  if m == nil and type(name) == "string" then
    for _, f in ipairs(families) do
      local rest = name:match(f[1])
      if rest then
        m = f[2](rest)
        DAO[name] = m
        break
      end
    end
  end
  return m
end

-- ---- the schema as plugins look at it ----

local function new_dao(description)
  local name = description.name
  local fields = setmetatable({}, { __index = function() return nil end })
  return setmetatable({
    schema = {
      name = name, primary_key = description.primary_key, cache_key = description.cache_key, endpoint_key = description.endpoint_key,
      workspaceable = description.workspaceable, fields = fields,
    },
    strategy = {}, errors = {},
  }, { __index = method })
end

-- connector stands for the connection to a database: there is none, so that all it does fails with a text.
local connector = setmetatable({ database = STRATEGY, defaults_table = {} }, {
  __index = function()
    return function() return nil, "[" .. STRATEGY .. "] there is no database to query" end
  end,
})
function connector.infos() return { strategy = STRATEGY, db_name = STRATEGY, db_desc = "config" } end

local daos = {}

return setmetatable({ strategy = STRATEGY, daos = daos, infos = { strategy = STRATEGY }, connector = connector }, {
  __index = function(_, name)
    if type(name) ~= "string" then return nil end
    local dao = daos[name]
    if not dao then
      local description = ask_schema(name)
      if not description then return nil end
      dao = new_dao(description)
      daos[name] = dao
    end
    return dao
  end,
})
