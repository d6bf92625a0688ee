package schema

// Queue is the record of settings that plugins with a queue of log entries
// have.
var Queue = Field{Name: "queue", Type: Record, Fields: []Field{
	{Name: "max_batch_size", Type: Integer, Default: 1, Between: []float64{1, 1_000_000}},
	{Name: "max_coalescing_delay", Type: Number, Default: 1, Between: []float64{0, 3600}},
	{Name: "max_entries", Type: Integer, Default: 10_000, Between: []float64{1, 1_000_000}},
	{Name: "max_bytes", Type: Integer},
	{Name: "max_retry_time", Type: Number, Default: 60},
	{Name: "initial_retry_delay", Type: Number, Default: 0.01, Between: []float64{0.001, 1_000_000}},
	{Name: "max_retry_delay", Type: Number, Default: 60, Between: []float64{0.001, 1_000_000}},
	{Name: "concurrency_limit", Type: Integer, Default: 1, OneOf: List(-1, 1)},
}}
