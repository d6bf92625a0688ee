-- resty.shell: runs a command to its end over ngx.pipe.
local spawn = require("ngx.pipe").spawn
local tonumber, type, concat, sub = tonumber, type, table.concat, string.sub

local M = { version = "0.03" }

local SIGTERM = 15

-- drain reads a stream to its end and keeps its first max bytes: which it is, text, what went wrong.
local function drain(which, proc, read, max)
  local parts, size = {}, 0
  while true do
    local data, err = read(proc, 65536)
    if not data then
      return which, concat(parts), err ~= "closed" and "failed to read " .. which .. ": " .. err or nil
    end
    if size + #data > max then
      parts[#parts + 1] = sub(data, 1, max - size)
      return which, concat(parts), "too much data"
    end
    size = size + #data
    parts[#parts + 1] = data
  end
end

local function feed(proc, data)
  local bytes, err = proc:write(data)
  if not bytes and err ~= "closed" and err ~= "aborted" then return "failed to write to stdin: " .. err end
  proc:shutdown("stdin")
end

-- run(cmd, stdin, timeout, max_size): ok, stdout, stderr, reason, status. cmd is a string for /bin/sh or a table; timeout is in ms;
-- max_size (default 128 KB) is of each stream: at most so much of it is given, and the command is ended by SIGTERM.
function M.run(cmd, stdin, timeout, max_size)
  timeout = tonumber(timeout)
  max_size = tonumber(max_size) or 128 * 1024
  local proc, err = spawn(cmd, timeout and { write_timeout = timeout, stdout_read_timeout = timeout, stderr_read_timeout = timeout, wait_timeout = timeout })
  if not proc then return nil, nil, nil, "failed to spawn: " .. err end
  local threads, texts = ngx.thread, {}
  local feeder
  if type(stdin) == "string" and stdin ~= "" then
    feeder = threads.spawn(feed, proc, stdin) -- beside the readers: a command may answer before it has read everything
  else
    proc:shutdown("stdin")
  end
  local readers = { stdout = threads.spawn(drain, "stdout", proc, proc.stdout_read_any, max_size),
    stderr = threads.spawn(drain, "stderr", proc, proc.stderr_read_any, max_size) }
  local _, which, text, why = threads.wait(readers.stdout, readers.stderr)
  texts[which] = text
  if not why then
    _, which, text, why = threads.wait(readers[which == "stdout" and "stderr" or "stdout"])
    texts[which] = text
  end
  local ok, reason, status
  if not why then
    ok, reason, status = proc:wait()
    if ok == nil then why = "failed to wait for process: " .. reason end
  end
  if why then
    proc:kill(SIGTERM)
    for _, direction in ipairs { "stdin", "stdout", "stderr" } do proc:shutdown(direction) end
  end
  if feeder then
    local _, failed = threads.wait(feeder)
    why = why or (ok == nil and failed or nil)
  end
  if why then return nil, texts.stdout, texts.stderr, why end
  return ok, texts.stdout, texts.stderr, reason, status
end

return M
