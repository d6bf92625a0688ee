-- kong.worker_events: events between the workers of the node.
local op = require "gibbon.op"

local ask_post, ask_listen = op.ask("events.post"), op.ask("events.listen")
local listening = false
local type, error, pcall, tostring = type, error, pcall, tostring
local handlers = {}

local M = {}

-- register(callback, source, event, ...): without an event all of the source.
function M.register(callback, source, event, ...)
  if type(callback) ~= "function" then error("expected function, got: " .. type(callback), 2) end
  if type(source) ~= "string" then error("source is required", 2) end
  if not listening then
    ask_listen()
    listening = true
  end
  local events = { event, ... }
  if #events == 0 then events[1] = "*" end
  for _, e in ipairs(events) do
    local key = source .. "\0" .. e
    handlers[key] = handlers[key] or {}
    table.insert(handlers[key], callback)
  end
end
M.subscribe = function(source, event, callback) return M.register(callback, source, event) end

function M.unregister(callback, source, event)
  local list = handlers[source .. "\0" .. (event or "*")]
  for i = #(list or {}), 1, -1 do
    if list[i] == callback then table.remove(list, i) end
  end
  return true
end

-- deliver runs in a timer of each worker.
local function deliver(source, event, data)
  for _, key in ipairs { source .. "\0" .. event, source .. "\0*" } do
    for _, callback in ipairs(handlers[key] or {}) do
      local ok, err = pcall(callback, data, event, source)
      if not ok then ngx.log(ngx.ERR, "worker-events: event callback failed; source=", source, ", event=", event, " err: ", tostring(err)) end
    end
  end
end
M.deliver = deliver

local function later(source, event, data)
  return ngx.timer.at(0, function(premature)
    if not premature then deliver(source, event, data) end
  end)
end

function M.post_local(source, event, data)
  if type(source) ~= "string" or type(event) ~= "string" then error("source and event are required", 2) end
  local ok, err = later(source, event, data)
  if not ok then return nil, err end
  return "done"
end

-- How long an event with a name of its own keeps others of that name away, in seconds.
local UNIQUE = 5

-- post(source, event, data, unique): to all workers; of events that name the same in unique one worker gets the first.
function M.post(source, event, data, unique)
  if type(source) ~= "string" or type(event) ~= "string" then error("source and event are required", 2) end
  if unique then
    local first, why = ngx.shared.kong:add("worker_events:" .. source .. ":" .. event .. ":" .. tostring(unique), true, UNIQUE)
    if not first and why == "exists" then return "done" end
  else
    local ok, err = ask_post(source, event, data)
    if not ok then return nil, err end
  end
  return M.post_local(source, event, data)
end

function M.poll() return "done" end

return M
