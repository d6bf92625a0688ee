package correlationid

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "correlation-id", Version: "3.9.3", Priority: 100001,
		Config: config,
		Phases: phase.Access | phase.HeaderFilter,
		Inline: phase.Access | phase.HeaderFilter,
		New:    plugin.Of(newHandler),
	})
}

// Config is a decoded configuration.
type Config struct {
	// HeaderName carries the id.
	HeaderName string
	// Generator is uuid, uuid#counter or tracker.
	Generator string
	// EchoDownstream puts the id on the response too.
	EchoDownstream bool
}

var config = &schema.Schema{
	Name: "correlation-id",
	Fields: []schema.Field{
		schema.ProtocolsHTTP,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "header_name", Type: schema.String, Default: "Kong-Request-ID",
				Description: "Header that carries the id."},
			{Name: "generator", Type: schema.String, Required: true, Default: "uuid#counter",
				OneOf:       schema.List("uuid", "uuid#counter", "tracker"),
				Description: "How ids are made."},
			{Name: "echo_downstream", Type: schema.Boolean, Required: true, Default: false,
				Description: "Put the id on the response too."},
		}},
	},
}
