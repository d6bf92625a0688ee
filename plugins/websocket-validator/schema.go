package websocketvalidator

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

const frames = phase.WSClientFrame | phase.WSUpstreamFrame

func init() {
	plugin.Register(plugin.Plugin{
		Name: "websocket-validator", Version: "3.9.3", Priority: 1006,
		Config: config,
		Phases: frames,
		Inline: frames,
		New:    newHandler,
	})
}

// Config is a decoded configuration: the schemas by side and type of message.
type Config struct {
	Client, Upstream Side
}

// Side has the schemas for one side's messages; an empty Type is none.
type Side struct {
	Text, Binary Rule
}

// Rule is what messages must be.
type Rule struct {
	// Type is draft4, Schema a JSON schema of that draft.
	Type, Schema string
}

func rule(name string) schema.Field {
	return schema.Field{Name: name, Type: schema.Record, Optional: true, Description: "What " + name + " messages must be.", Fields: []schema.Field{
		{Name: "type", Type: schema.String, Required: true, OneOf: schema.List("draft4"), Description: "The kind of schema."},
		{Name: "schema", Type: schema.String, Required: true, Custom: checkSchema, Description: "A JSON schema, as a text."},
	}}
}

func side(name, what string) schema.Field {
	return schema.Field{Name: name, Type: schema.Record, Optional: true, Description: what, Fields: []schema.Field{rule("text"), rule("binary")},
		EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"text", "binary"}}}}
}

var config = &schema.Schema{
	Name: "websocket-validator",
	Fields: []schema.Field{
		schema.ProtocolsWebSocket,
		schema.NoConsumerGroup,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			side("client", "Messages from the client."),
			side("upstream", "Messages from the service."),
		}, EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"client", "upstream"}}}},
	},
}
