-- Waiting for other Lua code of this worker, across requests and timers: a token is waited for once and woken once.
local op = require "gibbon.op"

local wait, wake = op.wait("token.wait"), op.ask("token.wake")
local last = 0

local M = {}

function M.new()
  last = last + 1
  return last
end

-- wait(token, seconds) gives what wake gave, or false, "timeout".
M.wait = wait

-- wake(token, ...) says whether somebody waited.
M.wake = wake

return M
