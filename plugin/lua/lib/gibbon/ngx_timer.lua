-- Timers: ngx.timer, and systems of timers with names, of which kong.timer is one and resty.timerng makes others. A function waits
-- here until Go calls run.
local native = require "gibbon.native"
local op = require "gibbon.op"

local set, cancel, counts = op.ask("timer.set"), op.ask("timer.cancel"), op.ask("timer.counts")
local type, select, unpack, error, pairs, setmetatable = type, select, unpack, error, pairs, setmetatable
local function now() return ngx.now() end -- ngx is being made while this module loads

local M = {}
local pending, last = {}, 0

local System = {}
System.__index = System

-- new(): a system with names of its own.
local function new() return setmetatable({ by_name = {}, runs = 0 }, System) end
M.new = new

local main = new()
M.kong = main

local function forget(id, t)
  pending[id] = nil
  local names = t.system.by_name
  if names[t.name] == id then names[t.name] = nil end
end

local function finished(t, ...)
  t.finish = t.finish + 1
  return ...
end

-- run(id, premature) is what Go calls, in a context of its own.
function M.run(id, premature)
  local t = pending[id]
  if not t then return end
  if premature or not t.every then forget(id, t) else t.due = now() + t.seconds end
  t.runs = t.runs + 1
  t.system.runs = t.system.runs + 1
  return finished(t, t.f(premature, unpack(t, 1, t.n)))
end

local function check(what, seconds, f, level)
  if type(seconds) ~= "number" then error("expected `" .. what .. "` to be a number", level + 1) end
  if type(f) ~= "function" then error("expected `callback` to be a function", level + 1) end
  if seconds < 0 or (what == "interval" and seconds == 0) then
    error("expected `" .. what .. "` to be greater than or equal to 0", level + 1)
  end
end

local function add(system, name, seconds, every, f, ...)
  local names = system.by_name
  if name and names[name] then return nil, "already exists timer" end
  last = last + 1
  local id = last
  name = name or "timer-" .. id
  local t = { f = f, every = every, name = name, seconds = seconds, due = now() + seconds, system = system, runs = 0, finish = 0, n = select("#", ...), ... }
  if system.frozen then
    t.paused = true
  else
    local ok, err = set(id, seconds, every)
    if not ok then return nil, err end
  end
  pending[id] = t
  names[name] = id
  return name
end

M.ngx = {
  at = function(delay, f, ...)
    check("delay", delay, f, 2)
    return add(main, nil, delay, false, f, ...)
  end,
  every = function(interval, f, ...)
    check("interval", interval, f, 2)
    return add(main, nil, interval, true, f, ...)
  end,
  pending_count = function() return (counts()) end,
  running_count = function() return (select(2, counts())) end,
}

function System:at(delay, f, ...)
  check("delay", delay, f, 2)
  return add(self, nil, delay, false, f, ...)
end

function System:every(interval, f, ...)
  check("interval", interval, f, 2)
  return add(self, nil, interval, true, f, ...)
end

local function check_name(name, level)
  if name ~= nil and type(name) ~= "string" then error("expected `name` to be a string", level + 1) end
end

function System:named_at(name, delay, f, ...)
  check_name(name, 2)
  check("delay", delay, f, 2)
  return add(self, name, delay, false, f, ...)
end

function System:named_every(name, interval, f, ...)
  check_name(name, 2)
  check("interval", interval, f, 2)
  return add(self, name, interval, true, f, ...)
end

local function find(self, name)
  if type(name) ~= "string" then error("expected `name` to be a string", 3) end
  local id = self.by_name[name]
  return id, pending[id or 0]
end

function System:cancel(name)
  local id, t = find(self, name)
  if not id then return false, "timer not found" end
  cancel(id)
  forget(id, t)
  return true
end

function System:pause(name)
  local id, t = find(self, name)
  if not id then return false, "timer not found" end
  cancel(id)
  t.paused = true
  return true
end

-- run(name) resumes a paused timer; its time begins anew.
function System:run(name)
  local id, t = find(self, name)
  if not id then return false, "timer not found" end
  if t.paused then
    local ok, err = set(id, t.seconds, t.every)
    if not ok then return false, err end
    t.paused, t.due = nil, now() + t.seconds
  end
  return true
end
System.resume = System.run

function System:is_managed(name) return self.by_name[name] ~= nil end

-- freeze stops the clock of all timers of the system; start, or unfreeze, lets it go on.
function System:freeze()
  if self.frozen then return end
  self.frozen = {}
  local at = now()
  for _, id in pairs(self.by_name) do
    local t = pending[id]
    if t and not t.paused then
      cancel(id)
      t.paused = true
      self.frozen[id] = t.due > at and t.due - at or 0
    end
  end
end

function System:start()
  local frozen = self.frozen
  if not frozen then return true end
  self.frozen = nil
  for _, id in pairs(self.by_name) do
    local t = pending[id]
    if t and t.paused and (frozen[id] or t.runs == 0) then
      local left = not t.every and frozen[id] or t.seconds
      local ok, err = set(id, left, t.every)
      if not ok then return false, err end
      t.paused, t.due = nil, now() + left
    end
  end
  return true
end
System.unfreeze = System.start

-- destroy forgets all timers of the system.
function System:destroy()
  local names = self.by_name
  self.by_name = {}
  for _, id in pairs(names) do
    cancel(id)
    pending[id] = nil
  end
end

function System:set_debug() end

-- stats(options): numbers of the system's timers; without `verbose = false` also of each.
function System:stats(options)
  local waiting = 0
  local stats = { sys = {}, timers = {} }
  for _, id in pairs(self.by_name) do
    local t = pending[id]
    waiting = waiting + 1
    if t and not (type(options) == "table" and options.verbose == false) then
      stats.timers[t.name] = { name = t.name, meta = { name = t.name }, elapsed_time = {}, runtime = {}, stats = { runs = t.runs, finish = t.finish } }
    end
  end
  local running = select(2, counts())
  local sys = stats.sys
  sys.running, sys.pending, sys.waiting, sys.total, sys.runs = running, 0, waiting, waiting + running, self.runs
  stats.jobs = stats.timers
  return stats
end

return M
