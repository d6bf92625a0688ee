-- kong.cluster_events: what kong.cluster_events is made of; this node has one.
return { new = function() return kong.cluster_events end }
