-- resty.kafka.producer: messages for topics of Kafka, each sent when it is given (sync) or gathered and sent by a timer (async).
local client = require "resty.kafka.client"
local wire = require "gibbon.kafka.wire"
local type, pcall, error, tostring, setmetatable, ipairs, pairs = type, pcall, error, tostring, setmetatable, ipairs, pairs

local M = { _VERSION = "0.20" }
local mt = { __index = M }
local named = {} -- of this worker

local function by_key(key, count, id)
  return (key and ngx.crc32_short(key) or id) % count
end

-- new(broker_list, config, cluster_name): the producer of that name there is already, if it has one.
function M.new(_, broker_list, config, name)
  local o = config or {}
  local cached = name and named[name]
  if cached then return cached end
  local self = setmetatable({ client = client:new(broker_list, o), async = o.producer_type == "async", timeout = o.request_timeout or 2000, acks = o.required_acks or 1,
    retries = o.max_retry or 3, backoff = (o.retry_backoff or 100) / 1000, partitioner = o.partitioner or by_key, flush_time = (o.flush_time or 1000) / 1000,
    batch_num = o.batch_num or 200, batch_size = o.batch_size or 1048576, max_buffering = o.max_buffering or 50000, on_error = o.error_handle, count = 0,
    queue = {}, first = 1, last = 0, offsets = {} }, mt)
  if o.api_version and o.api_version > 3 then error("api_version: at most 3 is supported", 2) end
  if name then named[name] = self end
  return self
end

-- deliver sends messages of one partition until they are taken or the tries are used up: offset; nil, text, whether later tries may help.
local function deliver(self, topic, partition, messages)
  local err, retryable
  for try = 0, self.retries do
    if try > 0 then ngx.sleep(self.backoff) end
    local t
    t, err = self.client:topic(topic, try > 0)
    local p = t and t.partitions[partition]
    local broker = p and self.client.brokers[p.leader]
    if t and not broker then err = "no leader for partition " .. partition .. " of " .. topic end
    retryable = true
    if broker then
      local s
      s, err = self.client:ask(broker, wire.PRODUCE, 3, wire.produce(self.acks, self.timeout, topic, partition, wire.batch(messages, ngx.now() * 1000)), self.acks ~= 0)
      if s == true then return 0 end
      if s then
        local ok, code, offset = pcall(wire.read_produce, s, 5)
        if not ok then
          err, retryable = "malformed response", false
        elseif code == 0 then
          return offset
        else
          local e = wire.ERRORS[code] or { "error " .. code }
          err, retryable = e[1], e[2] or false
        end
      end
    end
    if not retryable then break end
  end
  return nil, err, retryable
end

local function partition_of(self, topic, key)
  local t, err = self.client:topic(topic)
  if not t then return nil, err end
  self.count = self.count + 1
  return self.partitioner(key, t.count, self.count) % t.count
end

local function note(self, topic, partition, offset)
  local all = self.offsets[topic] or {}
  self.offsets[topic] = all
  all[partition] = offset
end

-- ---- async ----

local function take(self)
  local groups, n, bytes = {}, 0, 0
  while self.first <= self.last and n < self.batch_num and bytes < self.batch_size do
    local m = self.queue[self.first]
    self.queue[self.first] = nil
    self.first = self.first + 1
    n, bytes = n + 1, bytes + #m[3]
    local partition, err = partition_of(self, m[1], m[2])
    local id = m[1] .. "\0" .. tostring(partition)
    local g = groups[id] or { topic = m[1], partition = partition, err = err }
    groups[id] = g
    g[#g + 1] = { m[2], m[3] }
  end
  return groups
end

local function failed(self, g, err, retryable)
  if self.on_error then
    local queue = {}
    for _, m in ipairs(g) do
      queue[#queue + 1] = m[1] or ""
      queue[#queue + 1] = m[2]
    end
    local ok, why = pcall(self.on_error, g.topic, g.partition, queue, #queue, err, retryable)
    if ok then return end
    ngx.log(ngx.ERR, "failed to callback error_handle: ", why)
  end
  ngx.log(ngx.ERR, "buffered messages send to kafka err: ", err, ", retryable: ", tostring(retryable), ", topic: ", g.topic, ", partition_id: ", tostring(g.partition), ", length: ", #g)
end

function M:flush()
  if self.sending then return true end
  self.sending = true
  local ok, err = pcall(function()
    while self.first <= self.last do
      for _, g in pairs(take(self)) do
        local offset, why, retryable = nil, g.err, true
        if g.partition then offset, why, retryable = deliver(self, g.topic, g.partition, g) end
        if offset then note(self, g.topic, g.partition, offset + #g) else failed(self, g, why, retryable) end
      end
    end
  end)
  self.sending = false
  if not ok then ngx.log(ngx.ERR, "kafka producer: ", err) end
  return ok
end

local function schedule(self, delay)
  if self.timer then return true end
  local ok, err = ngx.timer.at(delay, function()
    self.timer = nil
    self:flush()
    if self.first <= self.last then schedule(self, self.flush_time) end
  end)
  if not ok then return nil, err end
  self.timer = true
  return true
end

local function enqueue(self, topic, key, message)
  if self.last - self.first + 1 >= self.max_buffering then return nil, "buffer overflow" end
  self.last = self.last + 1
  self.queue[self.last] = { topic, key, message }
  if self.last - self.first + 1 >= self.batch_num and not self.sending then
    ngx.timer.at(0, function() self:flush() end)
    return true
  end
  return schedule(self, self.flush_time)
end

-- send(topic, key, message): the offset, or true of an async producer; nil, text. key may be nil.
function M:send(topic, key, message)
  if type(topic) ~= "string" then error("topic must be a string", 2) end
  message = tostring(message)
  if key ~= nil then key = tostring(key) end
  if self.async then return enqueue(self, topic, key, message) end
  local partition, err = partition_of(self, topic, key)
  if not partition then return nil, err end
  local offset
  offset, err = deliver(self, topic, partition, { { key, message } })
  if not offset then return nil, err end
  note(self, topic, partition, offset + 1)
  return offset
end

-- offset(): how many messages went out by the brokers' counts, and the offsets by topic and partition.
function M:offset()
  local sum = 0
  for _, partitions in pairs(self.offsets) do
    for _, offset in pairs(partitions) do sum = sum + offset end
  end
  return sum, self.offsets
end

return M
