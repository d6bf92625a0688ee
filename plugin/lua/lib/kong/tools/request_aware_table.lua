-- kong.tools.request_aware_table: a table that raises an error when a request meets what another left in it.
local table_new, table_clear = require "table.new", require "table.clear"
local getmetatable, setmetatable, error, rawset = getmetatable, setmetatable, error, rawset

local function current() return ngx.var and ngx.get_phase() ~= "timer" and ngx.get_phase() ~= "init_worker" and ngx.var.request_id or nil end

local function check(self)
  local mt = getmetatable(self)
  local id = current()
  if mt.__owner == nil then
    mt.__owner = id
  elseif id ~= mt.__owner then
    error("concurrent access from different request to shared table detected", 3)
  end
end

local methods = {}
function methods:clear()
  local mt = getmetatable(self)
  table_clear(mt.__data)
  mt.__owner = nil
end

local M = {}

-- new(data_table | narr, nrec)
function M.new(narr, nrec)
  local data = type(narr) == "table" and narr or table_new(narr or 0, nrec or 0)
  return setmetatable({}, {
    __data = data,
    __index = function(self, k)
      if methods[k] then return methods[k] end
      check(self)
      return data[k]
    end,
    __newindex = function(self, k, v)
      check(self)
      rawset(data, k, v)
    end,
  })
end

return M
