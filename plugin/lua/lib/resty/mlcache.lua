-- resty.mlcache: values in the VM over a shared dictionary over a callback that runs once at a time, whatever the number of
-- workers. What one worker sets or deletes is seen by all at once: each key has a version in the dictionary.
local native = require "gibbon.native"
local resty_lock = require "resty.lock"
local lru = require "gibbon.lru"

local options, bulk = require "gibbon.cache_options", require "gibbon.cache_bulk"

local type, error, tostring, pcall, setmetatable, tonumber, xpcall, traceback =
  type, error, tostring, pcall, setmetatable, tonumber, xpcall, debug.traceback
local now = ngx.now

local M = { _VERSION = "2.6.1" }
local mt = { __index = M }
local NIL = {} -- stands for a miss that is kept

-- Level 1 caches by name, shared by instances of one name.
local level1 = {}

function M.new(name, shm, opts)
  if type(name) ~= "string" then error("name must be a string", 2) end
  if type(shm) ~= "string" then error("shm must be a string", 2) end
  opts = opts or {}
  options.check(opts, 2)
  local dict = ngx.shared[shm]
  if not dict then return nil, "no such lua_shared_dict: " .. shm end
  local miss = opts.shm_miss and ngx.shared[opts.shm_miss]
  if opts.shm_miss and not miss then return nil, "no such lua_shared_dict for opts.shm_miss: " .. opts.shm_miss end
  if opts.shm_locks and not ngx.shared[opts.shm_locks] then return nil, "no such lua_shared_dict for opts.shm_locks: " .. opts.shm_locks end
  local l1 = opts.lru or level1[name]
  if not l1 then
    l1 = lru.new(opts.lru_size or 100)
    level1[name] = l1
  end
  return setmetatable({ name = name, dict = dict, miss = miss or dict, l1 = l1, ttl = opts.ttl or 30, neg_ttl = opts.neg_ttl or 5,
    resurrect_ttl = opts.resurrect_ttl, serializer = opts.l1_serializer, locks = opts.shm_locks or shm, lock_opts = opts.resty_lock_opts,
    tries = opts.shm_set_tries or 3, broadcasts = opts.ipc or opts.ipc_shm }, mt)
end

-- ---- the shared level: "j" + JSON, with the time it was set and its ttl in front, which tell when it became stale ----

local function pack_value(value, ttl)
  if value == nil then return ("%.3f:%s:n"):format(now(), ttl) end
  local text, err = options.encode(value)
  if not text then return nil, err end
  return ("%.3f:%s:j%s"):format(now(), ttl, text)
end

-- unpack_value gives value, remaining seconds (0 = for good), has expired.
local function unpack_value(text)
  local at, ttl, kind, rest = text:match("^([%d.]+):([%d.e+-]+):(.)(.*)$")
  if not at then return nil end
  at, ttl = tonumber(at), tonumber(ttl)
  local left = ttl == 0 and 0 or at + ttl - now()
  local value
  if kind == "j" then value = options.decode(rest) else value = NIL end
  return value, left, ttl ~= 0 and left <= 0
end

local function version(self, key) return self.dict:get("v:" .. self.name .. key) or 0 end

local function store(self, key, value, ttl, tries)
  local text, why = pack_value(value, ttl)
  if not text then return nil, why end
  local full = self.name .. key
  local dict = value == nil and self.miss or self.dict
  local other = dict == self.dict and self.miss or self.dict
  local ok, err = options.put(dict, full, text, ttl, tries or self.tries)
  if other ~= dict then other:delete(full) end
  if not ok then
    ngx.log(ngx.WARN, "could not write to lua_shared_dict of mlcache \"", self.name, "\": ", err)
  end
  return true
end

local function fetch(self, key)
  local full = self.name .. key
  local text = self.dict:get_stale(full)
  if not text and self.miss ~= self.dict then text = self.miss:get_stale(full) end
  if text then return unpack_value(text) end
end

-- ---- level 1 ----

local function keep(self, key, value, ttl, serializer)
  if value ~= nil and value ~= NIL and serializer then
    local ok, v, err = pcall(serializer, value)
    if not ok then return nil, "l1_serializer threw an error: " .. tostring(v) end
    if err ~= nil then return nil, err end
    if v == nil then return nil, "l1_serializer returned a nil value" end
    value = v
  end
  if value == nil then value = NIL end
  self.l1:set(key, { value = value, version = version(self, key) }, ttl)
  if value == NIL then return nil end
  return value
end

local function kept(self, key)
  local entry = self.l1:get(key)
  if entry and entry.version == version(self, key) then return entry.value end
end

local function check_key(key)
  if type(key) ~= "string" then error("key must be a string", 3) end
end

local function on_error(err) return traceback(tostring(err), 2) end

-- call runs the callback and keeps what it gave: value, err, level.
local function call(self, key, opts, stale, cb, ...)
  local results = { xpcall(cb, on_error, ...) }
  local value, err, ttl = results[2], results[3], results[4]
  if not results[1] then
    err = "callback threw an error: " .. tostring(value)
    value = nil
  end
  local serializer = opts.l1_serializer or self.serializer
  if err ~= nil then
    local resurrect = opts.resurrect_ttl or self.resurrect_ttl
    if stale ~= nil and resurrect and results[1] then
      local old = stale
      if old == NIL then old = nil end
      ngx.log(ngx.WARN, "callback returned an error (", tostring(err), ") but stale value found, will resurrect")
      store(self, key, old, resurrect, opts.shm_set_tries)
      return keep(self, key, old, resurrect, serializer), nil, 4
    end
    return value, tostring(err)
  end
  if type(ttl) ~= "number" then
    if value == nil then ttl = opts.neg_ttl or self.neg_ttl else ttl = opts.ttl or self.ttl end
  end
  if ttl < 0 then return value, nil, 3 end
  local ok, why = store(self, key, value, ttl, opts.shm_set_tries)
  if not ok then return nil, why end
  local v, failed = keep(self, key, value, ttl, serializer)
  if failed then return nil, failed end
  return v, nil, 3
end

-- get(key, opts, cb, ...) gives value, err, level: 1 the VM, 2 the dictionary, 3 the callback, 4 an expired value.
function M:get(key, opts, cb, ...)
  check_key(key)
  opts = opts or {}
  options.check(opts, 2)
  local value = kept(self, key)
  if value == NIL then return nil, nil, 1 end
  if value ~= nil then return value, nil, 1 end
  local serializer = opts.l1_serializer or self.serializer
  local left, expired
  value, left, expired = fetch(self, key)
  if value ~= nil and not expired then
    local v, err = keep(self, key, value, left, serializer)
    if err then return nil, err end
    return v, nil, 2
  end
  if cb == nil then return nil, nil, -1 end
  if type(cb) ~= "function" then error("callback must be nil or a function", 2) end
  local lock, err = resty_lock:new(self.locks, self.lock_opts)
  if not lock then return nil, "could not create lock: " .. err end
  local elapsed
  elapsed, err = lock:lock("l:" .. self.name .. key)
  if not elapsed and err ~= "timeout" then return nil, "could not acquire callback lock: " .. err end
  if not elapsed then
    if not native.can_wait() then return call(self, key, opts, value, cb, ...) end
    local resurrect = opts.resurrect_ttl or self.resurrect_ttl
    if value ~= nil and resurrect then
      if value == NIL then return nil, nil, 4 end
      return value, nil, 4
    end
    return nil, "could not acquire callback lock: timeout"
  end
  local again
  again, left, expired = fetch(self, key)
  if again ~= nil and not expired then
    lock:unlock()
    local v, failed = keep(self, key, again, left, serializer)
    if failed then return nil, failed end
    return v, nil, 2
  end
  local v, failed, level = call(self, key, opts, value, cb, ...)
  lock:unlock()
  return v, failed, level
end

M.new_bulk, M.get_bulk, M.each_bulk_res = bulk.new, bulk.get, bulk.each

-- peek(key, stale) gives ttl, err, value, is_stale.
function M:peek(key, stale)
  check_key(key)
  local value, left, expired = fetch(self, key)
  if value == nil or (expired and not stale) then return nil end
  if value == NIL then value = nil end
  return left, nil, value, expired or nil
end

function M:set(key, opts, value)
  if not self.broadcasts then error("no ipc to propagate update, specify opts.ipc_shm or opts.ipc", 2) end
  check_key(key)
  opts = opts or {}
  options.check(opts, 2)
  local ttl = value == nil and (opts.neg_ttl or self.neg_ttl) or opts.ttl or self.ttl
  local ok, err = store(self, key, value, ttl, opts.shm_set_tries)
  if not ok then return nil, err end
  self.dict:incr("v:" .. self.name .. key, 1, 0)
  local _, failed = keep(self, key, value, ttl, opts.l1_serializer or self.serializer)
  if failed then return nil, failed end
  return true
end

function M:delete(key)
  if not self.broadcasts then error("no ipc to propagate deletion, specify opts.ipc_shm or opts.ipc", 2) end
  check_key(key)
  local full = self.name .. key
  self.dict:delete(full)
  if self.miss ~= self.dict then self.miss:delete(full) end
  self.dict:incr("v:" .. full, 1, 0)
  self.l1:delete(key)
  return true
end

function M:purge(flush_expired)
  if not self.broadcasts then error("no ipc to propagate purge, specify opts.ipc_shm or opts.ipc", 2) end
  for _, dict in ipairs { self.dict, self.miss } do
    for _, key in ipairs(dict:get_keys(0)) do
      if key:sub(1, #self.name) == self.name then
        dict:delete(key)
        self.dict:incr("v:" .. key, 1, 0)
      end
    end
    if flush_expired then dict:flush_expired() end
  end
  if self.l1.flush_all then self.l1:flush_all() end
  return true
end

-- update() has nothing to do: versions are looked at on every hit.
function M:update() return true end

return M
