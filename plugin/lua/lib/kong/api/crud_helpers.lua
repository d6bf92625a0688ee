-- kong.api.crud_helpers: what api.lua of old times was written with. Here its DAOs are those of kong.db (kong.singletons.dao).
local endpoints = require "kong.api.endpoints"

local pairs, type = pairs, type
local M = {}

local function is_uuid(s) return type(s) == "string" and #s == 36 and s:find("^%x+%-%x+%-%x+%-%x+%-%x+$") == 1 end

-- find_by_id_or_field(dao, filter, value, field): a list with the entity, by its id or by that field
function M.find_by_id_or_field(dao, filter, value, field)
  local row, _, err_t
  if is_uuid(value) then row, _, err_t = dao:select({ id = value }) end
  if not row and not err_t and dao["select_by_" .. field] then row, _, err_t = dao["select_by_" .. field](dao, value) end
  if err_t then return nil, err_t end
  for name, v in pairs(filter or {}) do
    local has = row and row[name]
    if type(has) == "table" then has = has.id end
    if row and has ~= v then row = nil end
  end
  return { row }
end

local function find(self, dao, field, param, target)
  local rows, err_t = M.find_by_id_or_field(dao, {}, self.params[param], field)
  if err_t then return endpoints.handle_error(err_t) end
  self.params[param] = nil
  if not rows[1] then return endpoints.not_found() end
  self[target] = rows[1]
end

function M.find_consumer_by_username_or_id(self, dao_factory) find(self, dao_factory.consumers, "username", "username_or_id", "consumer") end
function M.find_api_by_name_or_id(self) return endpoints.not_found(self and "APIs are services and routes now") end
function M.find_upstream_by_name_or_id(self, dao_factory) find(self, dao_factory.upstreams, "name", "upstream_name_or_id", "upstream") end

-- paginated_set(self, dao): a page of entities; other parameters than size and offset have to be theirs
function M.paginated_set(self, dao, post_process)
  local size, offset = tonumber(self.params.size), self.params.offset
  self.params.size, self.params.offset = nil, nil
  local rows, _, err_t, after = dao:page(size or 100, offset)
  if err_t then return endpoints.handle_error(err_t) end
  local data = {}
  for _, row in ipairs(rows) do
    local wanted = true
    for name, v in pairs(self.params) do wanted = wanted and tostring(row[name]) == tostring(v) end
    if wanted then data[#data + 1] = post_process and post_process(row) or row end
  end
  return endpoints.ok({ data = setmetatable(data, require("cjson").array_mt), total = #data, offset = after })
end

local function written(answer, entity, err_t, post_process)
  if err_t then return endpoints.handle_error(err_t) end
  if not entity then return endpoints.not_found() end
  return answer(post_process and post_process(entity) or entity)
end

function M.get(primary_keys, dao, post_process)
  local entity, _, err_t = dao:select({ id = primary_keys.id })
  return written(endpoints.ok, entity, err_t, post_process)
end

function M.post(params, dao, post_process)
  local entity, _, err_t = dao:insert(params)
  return written(endpoints.created, entity, err_t, post_process)
end

function M.put(params, dao, post_process)
  local entity, _, err_t
  if params.id then entity, _, err_t = dao:upsert({ id = params.id }, params) else entity, _, err_t = dao:insert(params) end
  return written(params.id and endpoints.ok or endpoints.created, entity, err_t, post_process)
end

function M.patch(params, dao, filter, post_process)
  local entity, _, err_t = dao:update({ id = filter.id }, params)
  return written(endpoints.ok, entity, err_t, post_process)
end

function M.delete(primary_keys, dao)
  local _, _, err_t = dao:delete({ id = primary_keys.id })
  if err_t then return endpoints.handle_error(err_t) end
  return endpoints.no_content()
end

return M
