-- kong.db.errors: the error tables of DAOs. new(strategy) gives the constructors; each returns a table with code, name,
-- message, strategy and fields, whose text is "[strategy] message".
local M = {}

local codes = {
  INVALID_PRIMARY_KEY = 1, SCHEMA_VIOLATION = 2, PRIMARY_KEY_VIOLATION = 3, FOREIGN_KEY_VIOLATION = 4, UNIQUE_VIOLATION = 5, NOT_FOUND = 6,
  INVALID_OFFSET = 7, DATABASE_ERROR = 8, INVALID_SIZE = 9, INVALID_UNIQUE = 10, INVALID_OPTIONS = 11, OPERATION_UNSUPPORTED = 12,
  FOREIGN_KEYS_UNRESOLVED = 13, DECLARATIVE_CONFIG = 14, TRANSFORMATION_ERROR = 15, REFERENCED_BY_OTHERS = 19,
}
local names = {
  [1] = "invalid primary key", [2] = "schema violation", [3] = "primary key violation", [4] = "foreign key violation",
  [5] = "unique constraint violation", [6] = "not found", [7] = "invalid offset", [8] = "database error", [9] = "invalid size",
  [10] = "invalid unique name", [11] = "invalid options", [12] = "operation unsupported", [13] = "foreign keys unresolved",
  [14] = "invalid declarative configuration", [15] = "transformation error", [19] = "referenced by others",
}
M.codes, M.names = codes, names

local function text(self)
  return (self.strategy and "[" .. self.strategy .. "] " or "") .. tostring(self.message)
end
local error_mt = { __tostring = text }

-- compact(t): the fields of a record in one line, as messages show them
local function compact(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  local out = {}
  for i, k in ipairs(keys) do
    local v = t[k]
    out[i] = k .. "=" .. (type(v) == "table" and compact(v) or type(v) == "string" and '"' .. v .. '"' or tostring(v))
  end
  return "{" .. table.concat(out, ",") .. "}"
end

-- flat(fields): "field: text" of each violation, sorted
local function flat(fields)
  local out = {}
  local function add(path, v)
    if type(v) ~= "table" then
      out[#out + 1] = path:find("^@entity") and tostring(v) or path .. ": " .. tostring(v)
      return
    end
    for k, e in pairs(v) do add(path == "" and tostring(k) or path .. "." .. tostring(k), e) end
  end
  add("", fields)
  table.sort(out)
  return out
end

local Errors = {}
Errors.__index = Errors
M.CODES = codes

function M.new(strategy) return setmetatable({ strategy = strategy, codes = codes, names = names }, Errors) end

-- make(code, message, fields): an error table; its text is a string
function Errors:make(code, message, fields)
  return setmetatable({ code = code, name = names[code] or "unknown error", message = message or names[code], fields = fields, strategy = self.strategy }, error_mt)
end

function Errors:schema_violation(fields)
  if type(fields) ~= "table" then error("errors must be a table", 2) end
  local list = flat(fields)
  local message = #list == 1 and "schema violation (" .. list[1] .. ")" or #list .. " schema violations (" .. table.concat(list, "; ") .. ")"
  return self:make(2, message, fields)
end

function Errors:invalid_primary_key(pk) return self:make(1, "invalid primary key: '" .. compact(pk) .. "'", pk) end
function Errors:primary_key_violation(pk) return self:make(3, "primary key violation on key '" .. compact(pk) .. "'", pk) end
function Errors:unique_violation(fields) return self:make(5, "UNIQUE violation detected on '" .. compact(fields) .. "'", fields) end
function Errors:not_found(pk) return self:make(6, "could not find the entity with primary key '" .. compact(pk) .. "'", pk) end
function Errors:not_found_by_field(filter) return self:make(6, "could not find the entity with '" .. compact(filter) .. "'", filter) end
function Errors:invalid_offset(offset, reason) return self:make(7, "'" .. tostring(offset) .. "' is not a valid offset: " .. tostring(reason)) end
function Errors:database_error(message) return self:make(8, message and tostring(message) or "database error") end
function Errors:invalid_size(message) return self:make(9, message) end
function Errors:invalid_unique(name, message) return self:make(10, message, { [name] = message }) end
function Errors:operation_unsupported(message) return self:make(12, message) end
function Errors:transformation_error(message) return self:make(15, message) end
function Errors:invalid_options(fields) return self:make(11, "invalid options (" .. table.concat(flat(fields), "; ") .. ")", fields) end
function Errors:foreign_key_violation_invalid_reference(fk, field, kind)
  return self:make(4, ("the foreign key '%s' does not reference an existing '%s' entity."):format(compact(fk), kind), { [field] = fk })
end
function Errors:foreign_key_violation_restricted(kind, other)
  return self:make(4, ("an existing '%s' entity references this '%s' entity"):format(other, kind), { ["@referenced_by"] = other })
end

return M
