-- resty.events: events between workers, kept apart from those of other users by the address that they would listen on. The gateway
-- carries them itself, so there is no broker to run.
local worker_events = require "gibbon.worker_events"

local type, error, tostring, pcall, ipairs, setmetatable = type, error, tostring, pcall, ipairs, setmetatable

local M = { _VERSION = "0.3.1" }
local mt = { __index = M }
local EVENT = "event"

function M.new(opts)
  if type(opts) ~= "table" then error("Expected a table, got " .. type(opts), 2) end
  if not opts.testing and type(opts.listening) ~= "string" then return nil, '"listening" option required to start' end
  local timeout = opts.unique_timeout or 5
  if type(timeout) ~= "number" or timeout <= 0 then return nil, '"unique_timeout" must be a number greater than 0' end
  return setmetatable({ bus = "resty.events " .. tostring(opts.listening), unique_timeout = timeout, handlers = {}, last = 0 }, mt)
end

-- listen: from now on events reach this worker.
local function listen(self)
  if self.listens then return end
  self.listens = true
  worker_events.register(function(e) self:deliver(e) end, self.bus, EVENT)
end

function M:init_worker()
  listen(self)
  return true
end

function M.run() error("there is no broker to run: the gateway carries events between its workers itself", 2) end

-- deliver runs in a timer of each worker.
function M:deliver(e)
  local list = {} -- a handler may unsubscribe
  for _, h in ipairs(self.handlers) do
    if (h.source == "*" or h.source == e.source) and (h.event == "*" or h.event == e.event) then list[#list + 1] = h end
  end
  for _, h in ipairs(list) do
    local ok, err = pcall(h.callback, e.data, e.event, e.source, e.wid)
    if not ok then ngx.log(ngx.ERR, "events: the handler of source=", e.source, ", event=", e.event, " failed: ", tostring(err)) end
  end
end

-- publish(target, source, event, data): target is "all", "current" (this worker) or text of which one worker gets the first event only.
function M:publish(target, source, event, data)
  if type(target) ~= "string" or target == "" then return nil, "target is required" end
  if type(source) ~= "string" or source == "" then return nil, "source is required" end
  if type(event) ~= "string" or event == "" then return nil, "event is required" end
  listen(self)
  local e = { source = source, event = event, data = data }
  if target == "current" then
    local ok, err = worker_events.post_local(self.bus, EVENT, e)
    return ok and true or nil, err
  end
  e.wid = ngx.worker.id()
  local ok, done, err
  if target == "all" then
    ok, done, err = pcall(worker_events.post, self.bus, EVENT, e)
  else
    local first, why = ngx.shared.kong:add("events:" .. self.bus .. ":" .. target, true, self.unique_timeout)
    if not first then
      if why == "exists" then return true end
      return nil, "failed to publish event: " .. tostring(why)
    end
    ok, done, err = true, worker_events.post_local(self.bus, EVENT, e)
  end
  if not ok then return nil, "failed to publish event: " .. tostring(done) end
  if not done then return nil, err end
  return true
end

function M:subscribe(source, event, callback)
  if type(source) ~= "string" or source == "" then error("source is required", 2) end
  if type(event) ~= "string" or event == "" then error("event is required", 2) end
  if type(callback) ~= "function" then error("expected function, got: " .. type(callback), 2) end
  listen(self)
  self.last = self.last + 1
  local h = { id = self.last, source = source, event = event, callback = callback }
  self.handlers[#self.handlers + 1] = h
  return h.id
end

function M:unsubscribe(id)
  for i, h in ipairs(self.handlers) do
    if h.id == id then return table.remove(self.handlers, i) ~= nil end
  end
end

return M
