-- kong.cmd.utils.log: lines for people, in the error log.
local M = { levels = { debug = 1, verbose = 2, info = 3, warn = 4, error = 5, quiet = 6 } }
local LEVELS = { debug = ngx.DEBUG, verbose = ngx.INFO, info = ngx.NOTICE, warn = ngx.WARN, error = ngx.ERR }
local enabled = true

for name, level in pairs(LEVELS) do
  M[name] = function(text, ...)
    if not enabled then return end
    if select("#", ...) > 0 then text = tostring(text):format(...) end
    ngx.log(level, tostring(text))
  end
end

function M.set_lvl(level) M.level = level end
function M.disable() enabled = false end
function M.enable() enabled = true end

return setmetatable(M, { __call = function(_, ...) return M.info(...) end })
