-- kong.tools.queue_schema: how a plugin's queue is configured.
return require("kong.db.schema.typedefs").queue
