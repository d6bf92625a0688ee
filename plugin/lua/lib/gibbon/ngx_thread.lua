-- ngx.thread: light threads of one request or timer. Starting, parking and killing are C (luajit/thread.c).
local native = require "gibbon.native"
local op = require "gibbon.op"

local spawn, park, unpark, kill, refuse, can_wait = native.spawn, native.park, native.unpark, native.kill, native.refuse, native.can_wait
local killed = op.ask("thread.killed")
local running, plain_status = coroutine.running, coroutine.status
local type, error, select, unpack, xpcall, getinfo, traceback =
  type, error, select, unpack, xpcall, debug.getinfo, debug.traceback

-- What is known of threads by their coroutine: state, who waits, and the results once it ended.
local entries = setmetatable({}, { __mode = "k" })

local function on_error(err)
  local text = type(err) == "string" and err or "unknown reason"
  native.log(4, traceback("lua user thread aborted: runtime error: " .. text, 2))
  return err
end

local function finish(entry, ok, ...)
  entry.state, entry.ok, entry.n = "zombie", ok, select("#", ...)
  for i = 1, entry.n do entry[i] = (select(i, ...)) end
  local waiter = entry.waiter
  entry.waiter = nil
  if waiter then unpark(waiter) end
end

local function body(entry, f, ...)
  entries[running()] = entry
  return finish(entry, xpcall(f, on_error, ...))
end

-- caller is how the running function was called, for "bad argument" texts; "?" as the reference has it where it is not known.
local function caller() return getinfo(3, "n").name or "?" end

local function entry_of(co, i)
  if type(co) ~= "thread" then error("bad argument #" .. i .. " to '" .. caller() .. "' (lua thread expected)", 3) end
  return entries[co]
end

local thread = {}

function thread.spawn(f, ...)
  if type(f) ~= "function" then error("bad argument #1 to 'spawn' (function expected, got " .. type(f) .. ")", 2) end
  return (spawn(body, { state = "running" }, f, ...))
end

local function take(entry)
  entry.state = "dead"
  return entry.ok, unpack(entry, 1, entry.n)
end

function thread.wait(...)
  if not can_wait() then refuse() end
  local n = select("#", ...)
  if n == 0 then error("at least one coroutine should be specified", 2) end
  local list = {}
  for i = 1, n do
    local entry = entry_of((select(i, ...)), i)
    if not entry then error("attempt to wait on a coroutine that is not a user thread", 2) end
    if entry.state == "dead" then return nil, "already waited or killed" end
    list[i] = entry
  end
  local me = running()
  while true do
    for i = 1, n do
      if list[i].state ~= "running" then return take(list[i]) end
    end
    for i = 1, n do list[i].waiter = me end
    park()
    for i = 1, n do
      if list[i].waiter == me then list[i].waiter = nil end
    end
  end
end

function thread.kill(co)
  local entry = entry_of(co, 1)
  if not entry then return nil, "not user thread" end
  if entry.state == "dead" then return nil, "already waited or killed" end
  if entry.state == "zombie" then
    entry.state = "dead"
    return nil, "already terminated"
  end
  local handle = kill(co)
  if not handle then return nil, "killer not parent" end
  entry.state = "dead"
  killed(handle)
  return 1
end

function coroutine.status(co)
  local entry = entries[co]
  if entry then return entry.state end
  return plain_status(co)
end

return function(ngx) ngx.thread = thread end
