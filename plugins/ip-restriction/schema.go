package iprestriction

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "ip-restriction", Version: "3.9.3", Priority: 990,
		Config:           config,
		Phases:           phase.Access | phase.WSHandshake | phase.Preread,
		Inline:           phase.Access | phase.WSHandshake | phase.Preread,
		GuardsWebSockets: true,
		New:              newHandler,
	})
}

// Config is a decoded configuration.
type Config struct {
	// Allow and Deny are addresses and CIDR blocks.
	Allow, Deny []string
	// Status and Message of the refusal; 0 and "" mean 403 and a text that
	// names the address.
	Status  int
	Message string
}

var config = &schema.Schema{
	Name: "ip-restriction",
	Fields: []schema.Field{
		{Name: "protocols", Type: schema.Set, Required: true,
			Default: schema.List("http", "https", "tcp", "tls", "grpc", "grpcs"),
			Elements: &schema.Field{Type: schema.String,
				OneOf: schema.List("grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp")}},
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "allow", Type: schema.Array, Elements: &schema.IPOrCIDR,
				Description: "Addresses and CIDR blocks that are let in; all others are not."},
			{Name: "deny", Type: schema.Array, Elements: &schema.IPOrCIDR,
				Description: "Addresses and CIDR blocks that are kept out."},
			{Name: "status", Type: schema.Number, Optional: true,
				Description: "Status of the refusal."},
			{Name: "message", Type: schema.String, Optional: true,
				Description: "Text of the refusal."},
		}},
	},
	EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"config.allow", "config.deny"}}},
}
