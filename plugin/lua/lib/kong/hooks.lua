-- kong.hooks: functions by name, run one after another with what the one before gave.
local M = {}
local hooks = {}

-- register_hook(name, callback, { low_level }): a low-level one gets whether the hook before it worked, too.
function M.register_hook(name, callback, opts)
  if type(name) ~= "string" or type(callback) ~= "function" then error("a hook needs a name and a function", 2) end
  hooks[name] = hooks[name] or {}
  table.insert(hooks[name], { callback = callback, low_level = opts and opts.low_level })
end

function M.run_hook(name, ...)
  local list = hooks[name]
  if not list then return (...) end
  local n, values = select("#", ...), { ... }
  local function keep(...) n, values = select("#", ...), { ... } end
  for _, h in ipairs(list) do
    if h.low_level then keep(h.callback(true, unpack(values, 1, n))) else keep(h.callback(unpack(values, 1, n))) end
    if values[1] == nil and values[2] ~= nil then break end
  end
  return unpack(values, 1, n)
end

function M.clear_hooks() hooks = {} end

return M
