-- kong.tools.queue: entries of one name are collected and handed to a function in batches, which are tried again with growing
-- delays while it fails. One timer works on a queue; it ends when the queue is empty.
local semaphore = require "ngx.semaphore"

local type, error, tostring, pairs, pcall, min, max, setmetatable = type, error, tostring, pairs, pcall, math.min, math.max, setmetatable
local ngx = ngx

local Queue = { CAPACITY_WARNING_THRESHOLD = 0.8 }
local mt = { __index = Queue }
local queues = {} -- by workspace and name

local DEFAULTS = { max_batch_size = 1, max_coalescing_delay = 1, max_entries = 10000, max_retry_time = 60, initial_retry_delay = 0.01,
  max_retry_delay = 60, concurrency_limit = 1 }

local function key_of(name) return (ngx.ctx and ngx.ctx.workspace or kong.default_workspace or "") .. "." .. name end

local function log(self, level, text, ...)
  ngx.log(level, "[", self.log_tag, "] queue ", self.name, ": ", text:format(...))
end

local function clock()
  ngx.update_time()
  return ngx.now()
end

-- ---- the entries ----

local function count(self) return self.back - self.front end

local function drop_oldest(self)
  local entry, size = self.entries[self.front], self.sizes[self.front]
  self.entries[self.front], self.sizes[self.front] = nil, nil
  self.front = self.front + 1
  if size then self.bytes = self.bytes - size end
  if self.front == self.back then self.front, self.back = 1, 1 end
  return entry
end

local function entry_size(self, entry)
  if type(entry) == "string" then return #entry end
  if type(entry) ~= "table" then return #tostring(entry) end
  if not self.json then self.json = require "cjson.safe" end
  local text = self.json.encode(entry)
  return text and #text or 0
end

-- ---- work ----

-- deliver hands one batch over, again and again until it is taken or the time is over.
local function deliver(self, batch, premature)
  local began, delay = clock(), self.initial_retry_delay
  while true do
    local called, ok, err = pcall(self.handler, self.handler_conf, batch)
    if not called then ok, err = nil, ok end
    if ok then
      log(self, ngx.DEBUG, "handler processed %d entries successfully", #batch)
      return true
    end
    if not err then log(self, ngx.ERR, "handler returned falsy value but no error information") end
    if premature or clock() - began > self.max_retry_time or ngx.worker.exiting() then
      log(self, ngx.ERR, "could not send entries due to max_retry_time exceeded. %d queue entries were lost", #batch)
      return false
    end
    log(self, ngx.WARN, "handler could not process entries: %s", tostring(err or "no error details returned by handler"))
    ngx.sleep(delay)
    delay = min(delay * 2, self.max_retry_delay)
  end
end

-- next_batch waits for entries until the batch is full or the delay is over; nil when nothing came.
local function next_batch(self, premature)
  local ready = self.ready
  if count(self) == 0 and not ready:wait(premature and 0 or self.max_coalescing_delay) then return nil end
  local until_time = clock() + self.max_coalescing_delay
  while count(self) < self.max_batch_size and not premature do
    local left = until_time - clock()
    if left <= 0 then break end
    ready:wait(left)
  end
  local batch = {}
  while #batch < self.max_batch_size and count(self) > 0 do batch[#batch + 1] = drop_oldest(self) end
  if self.full and count(self) < self.max_entries then
    self.full = false
    log(self, ngx.INFO, "queue resumed processing")
  end
  return #batch > 0 and batch or nil
end

local function work(premature, self)
  while true do
    local batch = next_batch(self, premature or ngx.worker.exiting())
    if not batch then break end
    if self.concurrency_limit == -1 then -- no limit: the next batch does not wait
      ngx.timer.at(0, function(early) deliver(self, batch, early) end)
    else
      deliver(self, batch, premature)
    end
  end
  queues[self.key] = nil
  if count(self) > 0 then -- came while the last wait ended
    queues[self.key] = self
    local ok, err = ngx.timer.at(0, work, self)
    if not ok then log(self, ngx.ERR, "could not start: %s", tostring(err)) end
  end
end

local function get(conf, handler, handler_conf)
  local key = key_of(conf.name)
  local self = queues[key]
  if self then
    -- A changed configuration counts from the next batch on.
    self.handler, self.handler_conf = handler, handler_conf
    return self
  end
  self = setmetatable({ key = key, name = conf.name, log_tag = conf.log_tag or conf.name, handler = handler, handler_conf = handler_conf,
    entries = {}, sizes = {}, front = 1, back = 1, bytes = 0, ready = semaphore.new() }, mt)
  for field, default in pairs(DEFAULTS) do
    self[field] = conf[field]
    if self[field] == nil then self[field] = default end
  end
  if type(conf.max_bytes) == "number" then self.max_bytes = conf.max_bytes end
  local ok, err = ngx.timer.at(0, work, self)
  if not ok then return nil, err end
  queues[key] = self
  return self
end

local function check(conf, handler)
  if type(conf) ~= "table" then error("enqueue: queue_conf is not a table", 3) end
  if type(conf.name) ~= "string" then error("enqueue: queue_conf.name must be a string", 3) end
  if type(handler) ~= "function" then error("enqueue: handler must be a function", 3) end
end

-- enqueue(queue_conf, handler, handler_conf, value) gives true, or nil and a text. handler(handler_conf, entries) returns true,
-- or nil and a text to be called again later.
function Queue.enqueue(conf, handler, handler_conf, value)
  check(conf, handler)
  if handler_conf == nil then error("enqueue: handler_conf is required", 2) end
  if value == nil then return nil, "entry must not be nil" end
  local self, err = get(conf, handler, handler_conf)
  if not self then return nil, err end
  local size
  if self.max_bytes then
    size = entry_size(self, value)
    if size > self.max_bytes then
      local text = ("string to be queued is longer (%d bytes) than the queue's max_bytes (%d bytes)"):format(size, self.max_bytes)
      log(self, ngx.ERR, "%s", text)
      return nil, text
    end
    local dropped = 0
    while count(self) > 0 and self.bytes + size > self.max_bytes do
      drop_oldest(self)
      dropped = dropped + 1
    end
    if dropped > 0 then log(self, ngx.ERR, "byte capacity exceeded, %d queue entries were dropped", dropped) end
  end
  if count(self) >= self.max_entries then
    if not self.full then
      self.full = true
      log(self, ngx.ERR, "queue full, dropping old entries until processing is successful again")
    end
    drop_oldest(self)
  elseif not self.warned and self.max_entries > 1 and count(self) + 1 >= self.max_entries * Queue.CAPACITY_WARNING_THRESHOLD then
    self.warned = true
    log(self, ngx.WARN, "queue at %d%% capacity", Queue.CAPACITY_WARNING_THRESHOLD * 100)
  end
  self.entries[self.back], self.sizes[self.back] = value, size
  self.back = self.back + 1
  if size then self.bytes = self.bytes + size end
  if count(self) < self.max_entries * Queue.CAPACITY_WARNING_THRESHOLD then self.warned = false end
  if self.ready:count() <= 0 then self.ready:post() end
  return true
end

function Queue.exists(name) return queues[key_of(name)] ~= nil end

function Queue.is_full(conf)
  local self = queues[key_of(conf.name)]
  return self ~= nil and count(self) >= self.max_entries
end

-- can_enqueue(conf, value): would no older entry have to go?
function Queue.can_enqueue(conf, value)
  local self = queues[key_of(conf.name)]
  if not self then return true end
  if count(self) >= self.max_entries then return false end
  return not (self.max_bytes and value ~= nil and self.bytes + entry_size(self, value) > self.max_bytes)
end

-- drain(name) waits until the queue of that name has been worked off; for tests.
function Queue.drain()
  while next(queues) do ngx.sleep(0.01) end
end

-- get_plugin_params(plugin_name, conf, queue_name): conf.queue as enqueue wants it; the older parameters retry_count, queue_size and
-- flush_timeout are heeded where the newer ones have their defaults.
function Queue.get_plugin_params(plugin_name, conf, queue_name)
  local params = {}
  for k, v in pairs(conf.queue or {}) do
    if v ~= ngx.null then params[k] = v end
  end
  if not queue_name then
    queue_name = conf.__plugin_id or (kong.plugin and kong.plugin.get_id and kong.plugin.get_id()) or plugin_name
  end
  params.name = params.name or queue_name
  params.log_tag = plugin_name .. " plugin " .. (conf.__plugin_id or "")
  local size, timeout = conf.queue_size, conf.flush_timeout
  if type(size) == "number" and size ~= 1 then params.max_batch_size = size end
  if type(timeout) == "number" and timeout ~= 2 then params.max_coalescing_delay = max(timeout, 0) end
  return params
end

return Queue
