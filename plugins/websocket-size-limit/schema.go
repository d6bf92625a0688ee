package websocketsizelimit

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "websocket-size-limit", Version: "3.9.3", Priority: 1003,
		Config: config,
		Phases: phase.WSHandshake,
		Inline: phase.WSHandshake,
		New:    plugin.Of(newHandler),
	})
}

// Config is a decoded configuration; 0 leaves a side's limit as it is.
type Config struct {
	// ClientMaxPayload and UpstreamMaxPayload are the most bytes of a message
	// from the client, from the service.
	ClientMaxPayload   int
	UpstreamMaxPayload int
}

var size = []float64{1, pdk.MaxFramePayload}

var config = &schema.Schema{
	Name: "websocket-size-limit",
	Fields: []schema.Field{
		schema.ProtocolsWebSocket,
		schema.NoConsumerGroup,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "client_max_payload", Type: schema.Integer, Between: size,
				Description: "The most bytes that a message from the client may have."},
			{Name: "upstream_max_payload", Type: schema.Integer, Between: size,
				Description: "The most bytes that a message from the service may have."},
		}, EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"client_max_payload", "upstream_max_payload"}}}},
	},
}
