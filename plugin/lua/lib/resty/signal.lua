-- resty.signal: numbers of signals. Plugins may signal processes that they started (ngx.pipe), no others.
local M = { version = "0.04" }

local NUMBERS = { HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10, SEGV = 11, USR2 = 12, PIPE = 13,
  ALRM = 14, TERM = 15, CHLD = 17, CONT = 18, STOP = 19, TSTP = 20, TTIN = 21, TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26, PROF = 27,
  WINCH = 28, IO = 29, PWR = 30, SYS = 31, NONE = 0 }

function M.signum(name)
  if type(name) == "number" then return name end
  return NUMBERS[name]
end

function M.kill() return nil, "a plugin may signal only processes of its own: use the kill method of ngx.pipe's process" end

return M
