-- Timers: ngx.timer, and the methods that kong.timer adds to it. A function waits here until Go calls run.
local native = require "gibbon.native"
local op = require "gibbon.op"

local set, cancel, counts = op.ask("timer.set"), op.ask("timer.cancel"), op.ask("timer.counts")
local type, select, unpack, error, tostring = type, select, unpack, error, tostring

local M = {}
local pending, by_name, last = {}, {}, 0

-- run(id, premature) is what Go calls, in a context of its own.
function M.run(id, premature)
  local t = pending[id]
  if not t then return end
  if premature or not t.every then
    pending[id] = nil
    if by_name[t.name] == id then by_name[t.name] = nil end
  end
  t.runs = t.runs + 1
  return t.f(premature, unpack(t, 1, t.n))
end

local function check(what, seconds, f, level)
  if type(seconds) ~= "number" then error("expected `" .. what .. "` to be a number", level + 1) end
  if type(f) ~= "function" then error("expected `callback` to be a function", level + 1) end
  if seconds < 0 or (what == "interval" and seconds == 0) then
    error("expected `" .. what .. "` to be greater than or equal to 0", level + 1)
  end
end

local function add(name, seconds, every, f, ...)
  if name and by_name[name] then return nil, "already exists timer" end
  last = last + 1
  local id = last
  name = name or "timer-" .. id
  local ok, err = set(id, seconds, every)
  if not ok then return nil, err end
  pending[id] = { f = f, every = every, name = name, seconds = seconds, runs = 0, n = select("#", ...), ... }
  by_name[name] = id
  return name
end

M.ngx = {
  at = function(delay, f, ...)
    check("delay", delay, f, 2)
    return add(nil, delay, false, f, ...)
  end,
  every = function(interval, f, ...)
    check("interval", interval, f, 2)
    return add(nil, interval, true, f, ...)
  end,
  pending_count = function() return (counts()) end,
  running_count = function() return (select(2, counts())) end,
}

-- ---- kong.timer ----

local timer = {}
M.kong = timer

function timer:at(delay, f, ...)
  check("delay", delay, f, 2)
  return add(nil, delay, false, f, ...)
end

function timer:every(interval, f, ...)
  check("interval", interval, f, 2)
  return add(nil, interval, true, f, ...)
end

local function check_name(name, level)
  if name ~= nil and type(name) ~= "string" then error("expected `name` to be a string", level + 1) end
end

function timer:named_at(name, delay, f, ...)
  check_name(name, 2)
  check("delay", delay, f, 2)
  return add(name, delay, false, f, ...)
end

function timer:named_every(name, interval, f, ...)
  check_name(name, 2)
  check("interval", interval, f, 2)
  return add(name, interval, true, f, ...)
end

local function find(name)
  if type(name) ~= "string" then error("expected `name` to be a string", 3) end
  local id = by_name[name]
  return id, pending[id or 0]
end

function timer:cancel(name)
  local id = find(name)
  if not id then return false, "timer not found" end
  cancel(id)
  pending[id] = nil
  by_name[name] = nil
  return true
end

function timer:pause(name)
  local id, t = find(name)
  if not id then return false, "timer not found" end
  cancel(id)
  t.paused = true
  return true
end

-- run(name) resumes a paused timer.
function timer:run(name)
  local id, t = find(name)
  if not id then return false, "timer not found" end
  if t.paused then
    t.paused = nil
    local ok, err = set(id, t.seconds, t.every)
    if not ok then return false, err end
  end
  return true
end
timer.resume = timer.run

function timer:is_managed(name) return by_name[name] ~= nil end

function timer:start() return true end
function timer:unfreeze() end
function timer:freeze() end
function timer:set_debug() end

function timer:stats(options)
  local waiting, running = counts()
  local stats = { sys = { running = running, pending = waiting, waiting = waiting, total = waiting + running, runs = last }, timers = {} }
  if options and options.verbose == false then return stats end
  for id, t in pairs(pending) do
    stats.timers[t.name] = { name = t.name, meta = {}, elapsed_time = {}, runtime = {}, stats = { runs = t.runs, finish = t.runs } }
  end
  return stats
end

return M
