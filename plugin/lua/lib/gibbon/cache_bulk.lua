-- Several values of a cache asked for at once, as kong.cache and resty.mlcache have it: { key, options, callback, argument, …, n = } to
-- { value, error, level, …, n = }.
local native = require "gibbon.native"
local type, error, max, min = type, error, math.max, math.min

local M = {}
local Bulk = {}
Bulk.__index = Bulk

-- new(n): an empty list with room for n lookups.
function M.new(n)
  local list = require "table.new"((n or 0) * 4, 1)
  list.n = 0
  return setmetatable(list, Bulk)
end

function Bulk:add(key, opts, cb, argument)
  local at = self.n * 4
  self[at + 1], self[at + 2], self[at + 3], self[at + 4] = key, opts, cb, argument
  self.n = self.n + 1
end

-- get(cache, bulk, opts): opts.concurrency lookups (3) run at the same time where they can wait.
function M.get(cache, bulk, opts)
  if type(bulk) ~= "table" then error("bulk must be a table", 3) end
  if opts ~= nil and type(opts) ~= "table" then error("opts must be a table", 3) end
  local n = bulk.n
  if type(n) ~= "number" then error("bulk must have n field", 3) end
  local limit = opts and opts.concurrency
  if limit ~= nil and type(limit) ~= "number" then error("opts.concurrency must be a number", 3) end
  if limit and limit <= 0 then error("opts.concurrency must be > 0", 3) end
  limit = limit or 3
  local out = { n = n * 3 }
  local function one(i)
    local at, from = (i - 1) * 3, (i - 1) * 4
    out[at + 1], out[at + 2], out[at + 3] = cache:get(bulk[from + 1], bulk[from + 2], bulk[from + 3], bulk[from + 4])
  end
  if limit == 1 or n <= 1 or not native.can_wait() then
    for i = 1, n do one(i) end
    return out
  end
  local begun, threads = 0, {}
  local function work()
    while begun < n do
      begun = begun + 1
      one(begun)
    end
  end
  for i = 1, max(1, min(limit, n)) do threads[i] = ngx.thread.spawn(work) end
  local failed
  for i = 1, #threads do
    local ok, err = ngx.thread.wait(threads[i])
    if not ok then failed = failed or err end
  end
  if failed then error(failed, 0) end
  return out
end

-- each(out): index, value, error, level.
function M.each(out)
  local i = 0
  return function()
    i = i + 1
    if i > out.n / 3 then return end
    local at = (i - 1) * 3
    return i, out[at + 1], out[at + 2], out[at + 3]
  end
end

return M
