-- kong.cache: values by key, kept in the VM (the same table on each hit) with the texts of values shared by all VMs, so that
-- one of them asks for all. get runs the callback on a miss; nil results are kept as well.
local native = require "gibbon.native"
local resty_lock = require "resty.lock"
local options, bulk = require "gibbon.cache_options", require "gibbon.cache_bulk"
local can_wait = native.can_wait
local shared = function(name) return ngx.shared[name] end

local pcall, type, error, tostring = pcall, type, error, tostring

-- Seconds that values and misses are kept for where neither the callback nor its caller says (0: until they are forgotten), and
-- that an expired value is served for more when it cannot be had anew: db_cache_ttl, db_cache_neg_ttl, db_resurrect_ttl.
local defaults

local function settings()
  if defaults then return defaults end
  local c = kong.configuration
  local ttl = c.db_cache_ttl or 0
  defaults = { ttl = ttl, neg_ttl = c.db_cache_neg_ttl or ttl, resurrect_ttl = c.db_resurrect_ttl or 30 }
  return defaults
end

-- life(opts, value): how long a value, or a miss (nil), is kept.
local function life(opts, value)
  if value == nil then return opts and opts.neg_ttl or settings().neg_ttl end
  return opts and opts.ttl or settings().ttl
end

-- Versions of keys: a number that every invalidation moves, shared by all VMs.
local function version(dict, key) return dict:get("v:" .. key) or 0 end

local Cache = {}
Cache.__index = Cache

local function new(dict_name)
  return setmetatable({ dict_name = dict_name, local_values = {}, count = 0 }, Cache)
end

local function check(key, level)
  if type(key) ~= "string" then error("key must be a string", level + 1) end
end

-- What a VM keeps at most; then it begins anew from the shared values.
local LOCAL_MAX = 20000

local function keep(self, key, value, dict, ttl)
  if not self.local_values[key] then
    self.count = self.count + 1
    if self.count > LOCAL_MAX then self.local_values, self.count = {}, 1 end
  end
  local entry = { value = value, version = version(dict, key), expires = ttl and ttl > 0 and ngx.now() + ttl or nil }
  self.local_values[key] = entry
  return entry
end

local function found(self, key, dict)
  local entry = self.local_values[key]
  if not entry then return nil end
  if entry.version ~= version(dict, key) or (entry.expires and entry.expires <= ngx.now()) then
    self.local_values[key] = nil
    self.count = self.count - 1
    return nil
  end
  return entry
end

local function decode(text)
  if text == "n" then return nil end
  return options.decode(text:sub(2))
end

local function encode(v)
  if v == nil then return "n" end
  local text, err = options.encode(v)
  if not text then return nil, err end
  return "j" .. text
end

-- How often a value is tried to be stored in a dictionary that is full.
local SET_TRIES = 3

local function put(dict, key, text, ttl, tries)
  local ok, err = options.put(dict, "d:" .. key, text, ttl, tries)
  if not ok then ngx.log(ngx.WARN, "the value of the key '", key, "' is not kept for other workers: ", err) end
end

local function run(cb, ...)
  local results = { pcall(cb, ...) }
  if not results[1] then return false, "callback threw an error: " .. tostring(results[2]) end
  return true, results[2], results[3], results[4]
end

-- made(opts, value): what the VM keeps of a shared value: it, or what opts.l1_serializer makes of it. nil and an error.
local function made(opts, value)
  local serializer = opts and opts.l1_serializer
  if value == nil or not serializer then return value end
  local ok, result, err = pcall(serializer, value)
  if not ok then return nil, "failed to get from node cache: l1_serializer threw an error: " .. tostring(result) end
  if err then return nil, "failed to get from node cache: " .. tostring(err) end
  if result == nil then return nil, "failed to get from node cache: l1_serializer returned a nil value" end
  return result
end

-- from_text(self, key, opts, dict, text, ttl, level): a shared value as get gives it.
local function from_text(self, key, opts, dict, text, ttl, level)
  local value, err = made(opts, decode(text))
  if err then return nil, err end
  keep(self, key, value, dict, ttl)
  return value, nil, level
end

-- resurrected(self, key, opts, dict, err): the expired value once more, level 4; nil and err where there is none.
local function resurrected(self, key, opts, dict, err)
  local ttl = opts and opts.resurrect_ttl or settings().resurrect_ttl
  local text = ttl > 0 and dict:get_stale("d:" .. key)
  if not text or text == "n" then return nil, "failed to get from node cache: " .. err end
  ngx.log(ngx.WARN, "the callback for the key '", key, "' failed (", err, "): its expired value is served for ", ttl, " s more")
  dict:set("d:" .. key, text, ttl)
  return from_text(self, key, opts, dict, text, ttl, 4)
end

-- get(key, opts, cb, ...) gives value, err, level: 1 kept in the VM, 2 shared, 3 from the callback, 4 expired since the callback failed.
function Cache:get(key, opts, cb, ...)
  check(key, 2)
  if opts ~= nil then options.check(opts, 2) end
  local dict = shared(self.dict_name)
  local entry = found(self, key, dict)
  if entry then return entry.value, nil, 1 end
  local text = dict:get("d:" .. key)
  if text then return from_text(self, key, opts, dict, text, dict:ttl("d:" .. key), 2) end
  if cb == nil then return nil end
  if type(cb) ~= "function" then error("callback must be a function", 2) end
  -- One worker asks, the others wait for what it got.
  local lock = can_wait() and resty_lock:new("kong_locks")
  if lock then
    local waited, failed = lock:lock(self.dict_name .. key)
    if not waited then return nil, "failed to get from node cache: could not acquire callback lock: " .. tostring(failed) end
    if waited > 0 then
      text = dict:get("d:" .. key)
      if text then
        lock:unlock()
        return from_text(self, key, opts, dict, text, dict:ttl("d:" .. key), 2)
      end
    end
  end
  local ok, value, err, own_ttl = run(cb, ...)
  -- The value has to be there before the lock is gone.
  if not ok then
    if lock then lock:unlock() end
    return nil, "failed to get from node cache: " .. value
  end
  if err then
    local result, failed, level = resurrected(self, key, opts, dict, tostring(err))
    if lock then lock:unlock() end
    if level then return result, failed, level end
    return result, failed
  end
  local ttl = type(own_ttl) == "number" and own_ttl or life(opts, value)
  if ttl >= 0 then
    local stored, why = encode(value)
    if not stored then
      if lock then lock:unlock() end
      -- As recorded for values that are no data at all; a table with one inside is an error that is returned.
      if type(value) ~= "table" then error(why, 2) end
      return nil, "failed to get from node cache: " .. why
    end
    put(dict, key, stored, ttl, opts and opts.shm_set_tries or SET_TRIES)
  end
  value, err = made(opts, value)
  if ttl >= 0 and not err then keep(self, key, value, dict, ttl) end
  if lock then lock:unlock() end
  if err then return nil, err end
  return value, nil, 3
end

Cache.get_bulk, Cache.new_bulk, Cache.each_bulk_res = bulk.get, bulk.new, bulk.each

function Cache:probe(key)
  check(key, 2)
  local dict = shared(self.dict_name)
  local text = dict:get("d:" .. key)
  if not text then return nil, nil, nil end
  return dict:ttl("d:" .. key) or 0, nil, decode(text)
end

local function set(self, key, value, ttl)
  local dict = shared(self.dict_name)
  local text, why = encode(value)
  if not text then return nil, why end
  local ok, err = dict:safe_set("d:" .. key, text, ttl)
  if not ok then return nil, err end
  dict:incr("v:" .. key, 1, 0)
  keep(self, key, value, dict, ttl)
  return true
end

function Cache:safe_set(key, value, ttl)
  check(key, 2)
  return set(self, key, value, ttl or life(nil, value))
end

function Cache:renew(key, opts, cb, ...)
  check(key, 2)
  if opts ~= nil then options.check(opts, 2) end
  local ok, value, err, ttl = run(cb, ...)
  if not ok or err then return nil, tostring(ok and err or value) end
  if type(ttl) ~= "number" then ttl = life(opts, value) end
  if ttl < 0 then return value, nil, ttl end
  local done, failed = set(self, key, value, ttl)
  if not done then return nil, failed end
  return value, nil, ttl
end

local function forget(self, key)
  local dict = shared(self.dict_name)
  dict:delete("d:" .. key)
  dict:incr("v:" .. key, 1, 0)
  if self.local_values[key] then
    self.local_values[key] = nil
    self.count = self.count - 1
  end
end

function Cache:invalidate_local(key)
  check(key, 2)
  forget(self, key)
end

function Cache:invalidate(key)
  check(key, 2)
  forget(self, key)
  if kong.cluster_events then kong.cluster_events:broadcast("invalidations", key) end
end

function Cache:purge()
  local dict = shared(self.dict_name)
  for _, key in ipairs(dict:get_keys(0)) do
    if key:sub(1, 2) == "d:" then dict:incr("v:" .. key:sub(3), 1, 0) end
  end
  for _, key in ipairs(dict:get_keys(0)) do
    if key:sub(1, 2) == "d:" then dict:delete(key) end
  end
  self.local_values, self.count = {}, 0
end

local M = new("kong_db_cache")
M.core = new("kong_core_db_cache")
return M
