return { name = "shm-metrics", fields = { { config = { type = "record", fields = { { path = { type = "string", default = "/shm-metrics/metrics" } } } } } } }
