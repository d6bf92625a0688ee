-- resty.worker.events: events between workers, of kong.worker_events.
local M = {}

function M.configure() return true end
function M.configured() return true end
function M.register(callback, source, event, ...) return kong.worker_events.register(callback, source, event, ...) end
M.register_weak = M.register
function M.unregister(callback, source, event) return kong.worker_events.unregister(callback, source, event) end
function M.post(source, event, data, unique) return kong.worker_events.post(source, event, data, unique) end
function M.post_local(source, event, data) return kong.worker_events.post_local(source, event, data) end
function M.poll() return "done" end

-- event_list(source, ...): names that raise an error when they are mistyped.
function M.event_list(source, ...)
  local list = { _source = source }
  for _, name in ipairs { ... } do list[name] = name end
  return setmetatable(list, { __index = function(_, k) error("event '" .. tostring(k) .. "' is an unknown event", 2) end })
end

return M
