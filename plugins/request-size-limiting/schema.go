package requestsizelimiting

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "request-size-limiting", Version: "3.9.3", Priority: 951,
		Config: config,
		Phases: phase.Access,
		Inline: phase.Access,
		New:    plugin.Of(newHandler),
	})
}

// Config is a decoded configuration.
type Config struct {
	// AllowedPayloadSize is the largest body, in SizeUnit.
	AllowedPayloadSize int64
	// SizeUnit is megabytes, kilobytes or bytes.
	SizeUnit string
	// RequireContentLength refuses requests that do not tell their length.
	RequireContentLength bool
}

var config = &schema.Schema{
	Name: "request-size-limiting",
	Fields: []schema.Field{
		schema.ProtocolsHTTP,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "allowed_payload_size", Type: schema.Integer, Default: 128,
				Description: "The largest request body that is let through."},
			{Name: "size_unit", Type: schema.String, Required: true, Default: "megabytes",
				OneOf:       schema.List("megabytes", "kilobytes", "bytes"),
				Description: "Unit of the size; a megabyte has 1048576 bytes."},
			{Name: "require_content_length", Type: schema.Boolean, Required: true, Default: false,
				Description: "Refuse requests without Content-Length, chunked ones excepted."},
		}},
	},
}
