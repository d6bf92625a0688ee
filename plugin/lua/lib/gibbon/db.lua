-- kong.db: the entities. Reads answer from memory; without a database writes are checked and then refused.
local op = require "gibbon.op"
local schemas = require "gibbon.db_schema"
local new_errors = require("kong.db.errors").new

local ask_schema, ask_select, ask_by, ask_cache_key = op.ask("db.schema"), op.ask("db.select"), op.ask("db.by"), op.ask("db.by_cache_key")
local ask_page, ask_write, ask_workspace = op.ask("db.page"), op.ask("db.write"), op.ask("db.workspace")
local type, error, tostring, ipairs, select = type, error, tostring, ipairs, select

local STRATEGY = "off"
local errors = new_errors(STRATEGY)

-- failure(err_t) gives what every method returns for an error: nil, its text, the table.
local function failure(err_t) return nil, tostring(err_t), err_t end

local DAO = {}

-- ---- arguments ----

local function check_options(options, level)
  if options ~= nil and type(options) ~= "table" then error("options must be a table when specified", level + 1) end
  return options ~= nil and options.nulls == true
end

local function is_uuid(s)
  return type(s) == "string" and #s == 36 and s:find("^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$") == 1
end

-- check_key(self, pk): the values of a primary key; nil, text, table where it is none
local function check_key(self, pk, level)
  if type(pk) ~= "table" then error("primary_key must be a table", level + 1) end
  local key, bad = {}, nil
  for _, field in ipairs(self.schema.primary_key) do
    local v, attributes = pk[field], self.schema.fields[field]
    local problem
    if v == nil or v == ngx.null then problem = "missing primary key"
    elseif (attributes and attributes.uuid or field == "id") and not is_uuid(v) then problem = "expected a valid UUID" end
    if problem then
      bad = bad or {}
      bad[field] = problem
    end
    key[field] = v
  end
  if bad then return failure(errors:invalid_primary_key(bad)) end
  return key
end

-- ---- one entity ----

function DAO.select(self, pk, options)
  local key, err, err_t = check_key(self, pk, 2)
  local nulls = check_options(options, 2)
  if not key then return nil, err, err_t end
  return ask_select(self.schema.name, key, nulls)
end

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

function DAO.select_by_cache_key(self, key, options)
  if type(key) ~= "string" then error("cache_key must be a string", 2) end
  local nulls = check_options(options, 2)
  local fields = self.schema.cache_key
  -- a key of one field is that field's unique index, which the reference's DB-less store does not search here
  if not fields or #fields < 2 then return nil end
  local values = {}
  for part in (key:sub(#self.schema.name + 2) .. ":"):gmatch("(.-):") do values[#values + 1] = part end
  return ask_cache_key(self.schema.name, values, nulls)
end

-- ---- lists ----

local function check_size(size, level)
  if size == nil then return 1000 end
  if type(size) ~= "number" then error("size must be a number", level + 1) end
  if size < 1 or size > 2048 or size % 1 ~= 0 then
    return failure(errors:invalid_size("size must be an integer between 1 and 2048"))
  end
  return size
end

-- A full page has an offset even where nothing follows; this one stands for an empty page.
local END = "end"

local function page(self, size, offset, field, id, nulls)
  if offset == END then return {}, nil, nil, nil end
  local rows, after, err = ask_page(self.schema.name, size, offset, field, id, nulls)
  if not rows then return failure(errors:database_error(err or "no such entity")) end
  if not after and #rows == size then after = END end
  return rows, nil, nil, after
end

function DAO.page(self, size, offset, options)
  local n, err, err_t = check_size(size, 2)
  local nulls = check_options(options, 2)
  if not n then return nil, err, err_t end
  if offset ~= nil and type(offset) ~= "string" then error("offset must be a string", 2) end
  return page(self, n, offset, nil, nil, nulls)
end

local function iterate(self, size, field, id, nulls)
  local rows, i, after, number = nil, 0, nil, 0
  return function()
    i = i + 1
    while not rows or i > #rows do
      if rows and not after then return nil end
      local err
      rows, err, _, after = page(self, size, after, field, id, nulls)
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

-- failing(err) is an iterator over one error.
local function failing(err)
  local told
  return function()
    if told then return nil end
    told = true
    return false, err
  end
end

function DAO.each(self, size, options)
  local n, err = check_size(size, 2)
  local nulls = check_options(options, 2)
  if not n then return failing(err) end
  return iterate(self, n, nil, nil, nulls)
end

-- ---- methods named after a field: by_field[family](field) ----

local by_field = {}

function by_field.select_by(field)
  return function(self, value, options)
    if value == nil then error("invalid '" .. field .. "' value: nil", 2) end
    local nulls = check_options(options, 2)
    if type(value) == "table" then value = value.id end
    return ask_by(self.schema.name, field, tostring(value), nulls)
  end
end

function by_field.page_for(field)
  return function(self, fk, size, offset, options)
    if type(fk) ~= "table" then error("foreign_key must be a table", 2) end
    local n, err, err_t = check_size(size, 2)
    local nulls = check_options(options, 2)
    if not n then return nil, err, err_t end
    if offset ~= nil and type(offset) ~= "string" then error("offset must be a string", 2) end
    return page(self, n, offset, field, fk.id, nulls)
  end
end

function by_field.each_for(field)
  return function(self, fk, size, options)
    if type(fk) ~= "table" then error("foreign_key must be a table", 2) end
    local n, err = check_size(size, 2)
    local nulls = check_options(options, 2)
    if not n then return failing(err) end
    return iterate(self, n, field, fk.id, nulls)
  end
end

-- ---- writes ----

-- write(self, verb, field, key, entity): key is a primary key, or the value of field
local function write(self, verb, field, key, entity)
  local done, code, message, fields = ask_write(self.schema.name, verb, field, key, entity)
  if not message then return done end
  return failure(errors:make(code, message, fields))
end

local function check_entity(entity, level)
  if type(entity) ~= "table" then error("entity must be a table", level + 1) end
end

function DAO.insert(self, entity, options)
  check_entity(entity, 2)
  check_options(options, 2)
  return write(self, "insert", nil, nil, entity)
end

function DAO.truncate(self) return write(self, "truncate") end

for _, verb in ipairs { "update", "upsert", "delete" } do
  local changes = verb ~= "delete"

  DAO[verb] = function(self, pk, entity, options)
    local key, err, err_t = check_key(self, pk, 2)
    if changes then check_entity(entity, 2) else options, entity = entity, nil end
    check_options(options, 2)
    if not key then return nil, err, err_t end
    return write(self, verb, nil, key, entity)
  end

  by_field[verb .. "_by"] = function(field)
    return function(self, value, entity, options)
      if value == nil then error("invalid '" .. field .. "' value: nil", 2) end
      if changes then check_entity(entity, 2) else options, entity = entity, nil end
      check_options(options, 2)
      return write(self, verb, field, value, entity)
    end
  end
end

-- ---- DAOs ----

local function new_dao(description)
  local schema = schemas.new(description)
  local super = setmetatable({}, { __index = DAO })
  local function give(families, fields)
    for _, family in ipairs(families) do
      for _, field in ipairs(fields) do super[family .. "_" .. field] = by_field[family](field) end
    end
  end
  give({ "select_by", "update_by", "upsert_by", "delete_by" }, description.unique)
  give({ "page_for", "each_for" }, description.foreign)
  local own = super
  if description.dao then
    local ok, class = pcall(require, description.dao)
    if not ok then error("the DAO of '" .. description.name .. "': " .. tostring(class), 0) end
    own = setmetatable({}, { __index = function(_, name)
      local m = class[name]
      if m == nil then m = super[name] end
      return m
    end })
  end
  return setmetatable({ schema = schema, strategy = {}, errors = errors, super = super }, { __index = own })
end

-- connector stands for the connection to a database: there is none, so that all it does fails with a text.
local connector = setmetatable({ database = STRATEGY, defaults_table = {} }, {
  __index = function()
    return function() return nil, "[" .. STRATEGY .. "] there is no database to query" end
  end,
})
function connector.infos() return { strategy = STRATEGY, db_name = STRATEGY, db_desc = "config" } end

local daos = {}

return setmetatable({ strategy = STRATEGY, daos = daos, infos = { strategy = STRATEGY }, connector = connector, errors = errors }, {
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
