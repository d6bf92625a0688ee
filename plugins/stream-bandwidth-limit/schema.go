package streambandwidthlimit

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "stream-bandwidth-limit", Version: "1.0.0", Priority: 900,
		Config: config,
		Phases: phase.Preread,
		Inline: phase.Preread,
		New:    plugin.Of(newHandler),
	})
}

// Config is a decoded configuration.
type Config struct {
	// Upload and Download are bytes a second from and to the client; 0 = no limit.
	Upload, Download int64
	// Burst is how many bytes may pass at once after silence.
	Burst int64
	// LimitBy says who shares a limit: session, client or all.
	LimitBy string
}

var (
	rate     = []float64{1, 1 << 40}
	protocol = schema.List("tcp", "tls", "tls_passthrough", "udp")
)

var config = &schema.Schema{
	Name: "stream-bandwidth-limit",
	Fields: []schema.Field{
		{Name: "protocols", Type: schema.Set, Required: true, Default: protocol,
			Elements: &schema.Field{Type: schema.String, OneOf: protocol}},
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "upload", Type: schema.Integer, Between: rate,
				Description: "Bytes a second from the client to the service; without it there is no limit."},
			{Name: "download", Type: schema.Integer, Between: rate,
				Description: "Bytes a second from the service to the client; without it there is no limit."},
			{Name: "burst", Type: schema.Integer, Required: true, Default: 65536, Between: []float64{1, 1 << 30},
				Description: "How many bytes may pass at once after silence."},
			{Name: "limit_by", Type: schema.String, Required: true, Default: "session", OneOf: schema.List("session", "client", "all"),
				Description: "Who shares a limit: each session has its own, all sessions of a client's address, or all sessions."},
		}},
	},
	EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"config.upload", "config.download"}}},
}
