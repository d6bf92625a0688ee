-- kong.singletons: what plugins of old times reached kong's objects by
return setmetatable({ configuration = kong.configuration, db = kong.db, dao = kong.db, cache = kong.cache, worker_events = kong.worker_events,
  cluster_events = kong.cluster_events, dns = kong.dns }, { __index = function(_, name) return kong[name] end })
