-- kong.cache: values by key, kept in the VM (the same table on each hit) with the texts of values shared by all VMs, so that
-- one of them asks for all. get runs the callback on a miss; nil results are kept as well.
local native = require "gibbon.native"
local resty_lock = require "resty.lock"
local can_wait = native.can_wait
local json = native.json(true)
local shared = function(name) return ngx.shared[name] end

local MISS_TTL = 0

json.decode_array_with_array_mt(true)
json.encode_number_precision(16)
json.encode_sparse_array(true)

local pcall, type, error, tostring, traceback = pcall, type, error, tostring, debug.traceback

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
  return json.decode(text:sub(2))
end

local function encode(v)
  if v == nil then return "n" end
  local ok, text = pcall(json.encode, v)
  if not ok or not text then return nil end
  return "j" .. text
end

local function run(cb, ...)
  local results = { pcall(cb, ...) }
  if not results[1] then return false, "callback threw an error: " .. tostring(results[2]) end
  return true, results[2], results[3], results[4]
end

-- What an expired value is served for when it cannot be had anew, in seconds (the reference's db_resurrect_ttl).
local RESURRECT_TTL = 30

-- made(opts, value): what the VM keeps of a shared value: it, or what opts.l1_serializer makes of it. nil and an error.
local function made(opts, value)
  local serializer = opts and opts.l1_serializer
  if value == nil or not serializer then return value end
  if type(serializer) ~= "function" then error("opts.l1_serializer must be a function", 3) end
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
  local ttl = opts and opts.resurrect_ttl or RESURRECT_TTL
  local text = ttl > 0 and dict:get_stale("d:" .. key)
  if not text or text == "n" then return nil, "failed to get from node cache: " .. err end
  ngx.log(ngx.WARN, "the callback for the key '", key, "' failed (", err, "): its expired value is served for ", ttl, " s more")
  dict:set("d:" .. key, text, ttl)
  return from_text(self, key, opts, dict, text, ttl, 4)
end

-- get(key, opts, cb, ...) gives value, err, level: 1 kept in the VM, 2 shared, 3 from the callback, 4 expired since the callback failed.
function Cache:get(key, opts, cb, ...)
  check(key, 2)
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
  if not ok or err then
    local result, failed, level = resurrected(self, key, opts, dict, tostring(ok and err or value))
    if lock then lock:unlock() end
    if level then return result, failed, level end
    return result, failed
  end
  local stored = encode(value)
  if not stored and lock then lock:unlock() end
  if not stored then error("cannot cache value of type " .. type(value), 2) end
  local ttl = own_ttl
  if not ttl then
    if value == nil then ttl = opts and opts.neg_ttl or MISS_TTL else ttl = opts and opts.ttl or 0 end
  end
  if ttl >= 0 then dict:set("d:" .. key, stored, ttl) end
  value, err = made(opts, value)
  if ttl >= 0 and not err then keep(self, key, value, dict, ttl) end
  if lock then lock:unlock() end
  if err then return nil, err end
  return value, nil, 3
end

-- get_bulk(list, opts): list of key, opts, callback, argument, …; n = how many.
function Cache:get_bulk(bulk)
  if type(bulk) ~= "table" then error("bulk must be a table", 2) end
  local out, n = { n = 0 }, 0
  for i = 1, (bulk.n or 0) * 4, 4 do
    local value, err, level = self:get(bulk[i], bulk[i + 1], bulk[i + 2], bulk[i + 3])
    out[n + 1], out[n + 2], out[n + 3] = value, err, level
    n = n + 3
    out.n = out.n + 1
  end
  return out
end

function Cache:probe(key)
  check(key, 2)
  local dict = shared(self.dict_name)
  local text = dict:get("d:" .. key)
  if not text then return nil, nil, nil end
  return dict:ttl("d:" .. key) or 0, nil, decode(text)
end

local function set(self, key, value, ttl)
  local dict = shared(self.dict_name)
  local text = encode(value)
  if not text then return nil, "cannot cache value of type " .. type(value) end
  local ok, err = dict:safe_set("d:" .. key, text, ttl or 0)
  if not ok then return nil, err end
  dict:incr("v:" .. key, 1, 0)
  keep(self, key, value, dict, ttl)
  return true
end

function Cache:safe_set(key, value, ttl)
  check(key, 2)
  return set(self, key, value, ttl)
end

function Cache:renew(key, opts, cb, ...)
  check(key, 2)
  local ok, value, err, ttl = run(cb, ...)
  if not ok or err then return nil, tostring(ok and err or value) end
  local done, failed = set(self, key, value, ttl or (opts and opts.ttl))
  if not done then return nil, failed end
  return value, nil, ttl or (opts and opts.ttl) or 0
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
