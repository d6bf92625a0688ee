-- kong.worker_events as a module.
return setmetatable({ new = function() return kong.worker_events end, init = function() return kong.worker_events end }, { __index = function(_, k) return kong.worker_events[k] end })
