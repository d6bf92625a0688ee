-- kong.tracing.request_id: kong.observability.tracing.request_id by the name that it had before 3.7
return require "kong.observability.tracing.request_id"
