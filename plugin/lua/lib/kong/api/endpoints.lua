-- kong.api.endpoints: what functions of a plugin's api.lua answer with, and the generated endpoints of entities that they
-- stand over. A function of api.lua is called with self (params, args = { uri, post }), kong.db, helpers and parent.
local errors = require "kong.db.errors"

local type, error, tonumber, tostring, pairs, ipairs = type, error, tonumber, tostring, pairs, ipairs
local codes = errors.codes

local M = {}

-- ---- answers ----

function M.ok(body) return kong.response.exit(200, body) end
function M.created(body) return kong.response.exit(201, body) end
function M.no_content() return kong.response.exit(204) end
function M.bad_request(message) return kong.response.exit(400, { message = message or "Bad request" }) end
function M.not_found(message) return kong.response.exit(404, { message = message or "Not found" }) end
function M.method_not_allowed(message) return kong.response.exit(405, { message = message or "Method not allowed" }) end

function M.unexpected(err)
  if err then kong.log.err(err) end
  return kong.response.exit(500, { message = "An unexpected error occurred" })
end

local statuses = {
  [codes.INVALID_PRIMARY_KEY] = 400, [codes.SCHEMA_VIOLATION] = 400, [codes.PRIMARY_KEY_VIOLATION] = 409, [codes.FOREIGN_KEY_VIOLATION] = 400,
  [codes.UNIQUE_VIOLATION] = 409, [codes.NOT_FOUND] = 404, [codes.INVALID_OFFSET] = 400, [codes.INVALID_SIZE] = 400,
  [codes.INVALID_UNIQUE] = 400, [codes.INVALID_OPTIONS] = 400, [codes.OPERATION_UNSUPPORTED] = 405, [codes.FOREIGN_KEYS_UNRESOLVED] = 400,
  [codes.REFERENCED_BY_OTHERS] = 400,
}

-- handle_error(err_t): the answer to an error of a DAO
function M.handle_error(err_t)
  if type(err_t) ~= "table" then return M.unexpected(err_t) end
  if err_t.code == codes.NOT_FOUND then return M.not_found() end
  local status = statuses[err_t.code]
  if not status then return M.unexpected(tostring(err_t)) end
  return kong.response.exit(status, { code = err_t.code, name = err_t.name, message = err_t.message, fields = err_t.fields })
end

-- disable() answers that a path takes no request of that method.
function M.disable() return M.method_not_allowed() end

-- ---- arguments ----

local function is_uuid(s) return type(s) == "string" and #s == 36 and s:find("^%x+%-%x+%-%x+%-%x+%-%x+$") == 1 end

local function posted(self) return self.args and self.args.post or {} end
local function asked(self) return self.args and self.args.uri or {} end

-- get_page_size(args): its size; nil, error table
function M.get_page_size(args)
  local size = args.size
  if size == nil then return nil end
  local n = tonumber(size)
  if not n or n < 1 or n > 1000 or n % 1 ~= 0 then
    return nil, "size must be an integer between 1 and 1000", kong.db.errors:invalid_size("size must be an integer between 1 and 1000")
  end
  return n
end

-- key_of(schema, value): what a path names an entity by: its primary key, or a field's name and value
local function key_of(schema, value)
  if is_uuid(value) or not schema.endpoint_key then return { id = value } end
  return nil, schema.endpoint_key, value
end

local function call(dao, verb, schema, value, entity)
  local pk, field, unique = key_of(schema, value)
  if pk then
    if entity then return dao[verb](dao, pk, entity) end
    return dao[verb](dao, pk)
  end
  local method = dao[verb .. "_by_" .. field]
  if not method then return nil end
  if entity then return method(dao, unique, entity) end
  return method(dao, unique)
end

-- ---- entities of a path ----

-- select_entity(self, db, schema): the entity that the path names; nil where there is none; nil, text, error table
function M.select_entity(self, db, schema)
  return call(db[schema.name], "select", schema, self.params[schema.name])
end

function M.update_entity(self, db, schema)
  return call(db[schema.name], "update", schema, self.params[schema.name], posted(self))
end

function M.upsert_entity(self, db, schema)
  return call(db[schema.name], "upsert", schema, self.params[schema.name], posted(self))
end

function M.delete_entity(self, db, schema)
  return call(db[schema.name], "delete", schema, self.params[schema.name])
end

function M.insert_entity(self, db, schema)
  return db[schema.name]:insert(posted(self))
end

-- page_collection(self, db, schema, method): a page of all, or by page_for_…; rows, text, error table, offset
function M.page_collection(self, db, schema, method, foreign_key)
  local args = asked(self)
  local size, err, err_t = M.get_page_size(args)
  if err_t then return nil, err, err_t end
  local dao = db[schema.name]
  if method then return dao[method](dao, foreign_key, size, args.offset) end
  return dao:page(size, args.offset)
end

-- foreign(self, db, foreign_schema): the entity that a nested path begins with; answers itself where there is none
local function foreign(self, db, foreign_schema)
  local entity, _, err_t = M.select_entity(self, db, foreign_schema)
  if err_t then return nil, M.handle_error(err_t) end
  if not entity then return nil, M.not_found() end
  return entity
end

local function finished(post_process, entity)
  if not post_process then return entity end
  return post_process(entity)
end

-- ---- endpoints: functions for methods of api.lua ----

function M.get_collection_endpoint(schema, foreign_schema, foreign_field_name, method)
  return function(self, db, _, post_process)
    local fk, by
    if foreign_schema then
      local entity = foreign(self, db, foreign_schema)
      if not entity then return end
      fk, by = { id = entity.id }, method or "page_for_" .. foreign_field_name
    end
    local data, _, err_t, offset = M.page_collection(self, db, schema, by, fk)
    if err_t then return M.handle_error(err_t) end
    for i, row in ipairs(data) do data[i] = finished(post_process, row) end
    local next_page = ngx.null
    if offset then
      local query = {}
      for name, v in pairs(asked(self)) do query[name] = v end
      query.offset = offset
      next_page = kong.request.get_path() .. "?" .. ngx.encode_args(query)
    end
    return M.ok({ data = setmetatable(data, require("cjson").array_mt), offset = offset, next = next_page })
  end
end

function M.post_collection_endpoint(schema, foreign_schema, foreign_field_name)
  return function(self, db, _, post_process)
    local values = posted(self)
    if foreign_schema then
      local entity = foreign(self, db, foreign_schema)
      if not entity then return end
      values[foreign_field_name] = { id = entity.id }
    end
    local entity, _, err_t = M.insert_entity(self, db, schema)
    if err_t then return M.handle_error(err_t) end
    return M.created(finished(post_process, entity))
  end
end

-- one(schema, foreign_schema, foreign_field_name, act): an endpoint on one entity. Below another one (a nested path) it must
-- belong to that.
local function one(schema, foreign_schema, foreign_field_name, act)
  return function(self, db, _, post_process)
    if foreign_schema then
      local owner = foreign(self, db, foreign_schema)
      if not owner then return end
      local entity, _, err_t = M.select_entity(self, db, schema)
      if err_t then return M.handle_error(err_t) end
      local fk = entity and entity[foreign_field_name]
      if entity and (type(fk) ~= "table" or fk.id ~= owner.id) then return M.not_found() end
    end
    return act(self, db, post_process)
  end
end

function M.get_entity_endpoint(schema, foreign_schema, foreign_field_name)
  return one(schema, foreign_schema, foreign_field_name, function(self, db, post_process)
    local entity, _, err_t = M.select_entity(self, db, schema)
    if err_t then return M.handle_error(err_t) end
    if not entity then return M.not_found() end
    return M.ok(finished(post_process, entity))
  end)
end

local function writing(write)
  return function(schema, foreign_schema, foreign_field_name)
    return one(schema, foreign_schema, foreign_field_name, function(self, db, post_process)
      local entity, _, err_t = write(self, db, schema)
      if err_t then return M.handle_error(err_t) end
      if not entity then return M.not_found() end
      return M.ok(finished(post_process, entity))
    end)
  end
end

M.put_entity_endpoint = writing(M.upsert_entity)
M.patch_entity_endpoint = writing(M.update_entity)

function M.delete_entity_endpoint(schema, foreign_schema, foreign_field_name)
  return one(schema, foreign_schema, foreign_field_name, function(self, db)
    local _, _, err_t = M.delete_entity(self, db, schema)
    if err_t then return M.handle_error(err_t) end
    return M.no_content()
  end)
end

return M
