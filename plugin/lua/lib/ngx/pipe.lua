-- ngx.pipe: child processes. What they do is Go (plugin/lua/pipe); here are arguments, timeouts and the life of a process: it is
-- killed when nothing refers to it any more.
local native = require "gibbon.native"
local op = require "gibbon.op"
local flatten = require("gibbon.ngx_socket").text
local ffi = require "ffi"

local spawn, spawn_now, drop = op.wait("pipe.spawn"), op.ask("pipe.spawn"), op.ask("pipe.drop")
local wait, kill, write, read, shutdown = op.wait("pipe.wait"), op.ask("pipe.kill"), op.wait("pipe.write"), op.wait("pipe.read"), op.ask("pipe.shutdown")
local type, error, tostring, tonumber, floor, concat, setmetatable = type, error, tostring, tonumber, math.floor, table.concat, setmetatable

local proc = {} -- methods of what spawn gives
local M = { version = "0.1.28", _VERSION = "0.1.28", proc = proc }

local LINE, COUNT, ANY = 0, 1, 2 -- kinds of a receive
local PART = 65536
local DEFAULT = 10000 -- ms
local STDOUT, STDERR = 1, 2
local STREAMS = { stdin = 0, stdout = STDOUT, stderr = STDERR }

pcall(ffi.cdef, "typedef struct { double number; } gibbon_process;")
local anchor = ffi.metatype("gibbon_process", { __gc = function(self) drop(self.number) end })

local mt = { __index = proc }

local function timeout(v, name)
  if v == nil then return nil end
  v = tonumber(v)
  if not v or v < 0 then error("bad " .. name .. " option", 3) end
  return v > 0 and v or DEFAULT
end

-- checked(list, what) is a copy of a list whose elements are strings.
local function checked(list, what)
  local out = {}
  for i = 1, #list do
    local v = list[i]
    if type(v) ~= "string" and type(v) ~= "number" then error("bad " .. what .. ": string expected at " .. i .. ", got " .. type(v), 3) end
    out[i] = tostring(v)
  end
  return out
end

-- spawn(args, opts): a string goes to /bin/sh, a table is a program and its arguments.
function M.spawn(args, opts)
  if type(args) == "string" then
    args = { "/bin/sh", "-c", args }
  elseif type(args) ~= "table" then
    error("bad args arg: table expected, got " .. type(args), 2)
  else
    args = checked(args, "args arg")
    if not args[1] then error("bad args arg: non-empty table expected", 2) end
  end
  if opts ~= nil and type(opts) ~= "table" then error("bad opts arg: table expected, got " .. type(opts), 2) end
  opts = opts or {}
  local environ = opts.environ
  if environ ~= nil then
    if type(environ) ~= "table" then error("bad environ option: table expected, got " .. type(environ), 2) end
    environ = checked(environ, "environ option")
    for i = 1, #environ do
      if not environ[i]:find("=", 2, true) then error("bad environ option: NAME=value expected at " .. i, 2) end
    end
  end
  if opts.merge_stderr ~= nil and type(opts.merge_stderr) ~= "boolean" then error("bad merge_stderr option: boolean expected", 2) end
  if opts.buffer_size ~= nil and (tonumber(opts.buffer_size) or 0) < 1 then error("bad buffer_size option", 2) end
  local write_ms, out_ms, err_ms, wait_ms = timeout(opts.write_timeout, "write_timeout"), timeout(opts.stdout_read_timeout, "stdout_read_timeout"),
    timeout(opts.stderr_read_timeout, "stderr_read_timeout"), timeout(opts.wait_timeout, "wait_timeout")
  local start = native.can_wait() and spawn or spawn_now
  local id, pid = start(args, environ, opts.merge_stderr, start == spawn_now)
  if not id then return nil, pid end
  return setmetatable({ id = id, _pid = pid, anchor = anchor(id), write_timeout = write_ms or DEFAULT, wait_timeout = wait_ms or DEFAULT,
    [STDOUT] = out_ms or DEFAULT, [STDERR] = err_ms or DEFAULT }, mt)
end

function proc:pid() return self._pid end

function proc:set_timeouts(w, o, e, wait_ms)
  self.write_timeout = timeout(w, "write_timeout") or self.write_timeout
  self[STDOUT] = timeout(o, "stdout_read_timeout") or self[STDOUT]
  self[STDERR] = timeout(e, "stderr_read_timeout") or self[STDERR]
  self.wait_timeout = timeout(wait_ms, "wait_timeout") or self.wait_timeout
end

-- wait: true, "exit", 0; false, "exit" or "signal", number; nil, text.
function proc:wait()
  if self.waited then return nil, "exited" end
  local ok, reason, status = wait(self.id, self.wait_timeout)
  if ok == nil then return nil, reason end
  self.waited = true
  return ok, reason, status
end

function proc:kill(signal)
  if type(signal) ~= "number" then error("bad signal arg: number expected, got " .. type(signal), 2) end
  return kill(self.id, signal)
end

function proc:shutdown(direction)
  local stream = STREAMS[direction]
  if not stream then error("bad shutdown arg: " .. tostring(direction), 2) end
  return shutdown(self.id, stream)
end

function proc:write(data)
  data = flatten(data, "write")
  if data == "" then return 0 end
  return write(self.id, data, self.write_timeout)
end

local function result(data, err, partial)
  if data then return data end
  if partial == nil then return nil, err end
  return nil, err, partial
end

-- gather reads parts up to the end, or to n bytes. They are Lua's, whose memory is bounded.
local function gather(self, stream, n)
  local parts, left = {}, n
  while left ~= 0 do
    local data, err, partial = read(self.id, stream, ANY, left and left < PART and left or PART, self[stream])
    if not data then
      parts[#parts + 1] = partial
      if err == "closed" and not n and partial then return concat(parts) end
      return nil, err, partial and concat(parts) or nil
    end
    parts[#parts + 1] = data
    left = left and left - #data
  end
  return concat(parts)
end

for name, stream in pairs { stdout = STDOUT, stderr = STDERR } do
  proc[name .. "_read_all"] = function(self) return result(gather(self, stream)) end

  proc[name .. "_read_line"] = function(self) return result(read(self.id, stream, LINE, 0, self[stream])) end

  proc[name .. "_read_bytes"] = function(self, n)
    if type(n) ~= "number" or n < 0 then error("bad len argument: a number of bytes expected", 2) end
    n = floor(n)
    if n == 0 then return "" end
    if n <= PART then return result(read(self.id, stream, COUNT, n, self[stream])) end
    return result(gather(self, stream, n))
  end

  proc[name .. "_read_any"] = function(self, max)
    if type(max) ~= "number" or max < 1 then error("bad max argument: a number of bytes expected", 2) end
    local data, err = read(self.id, stream, ANY, floor(max), self[stream])
    if data then return data end
    return nil, err
  end
end

return M
