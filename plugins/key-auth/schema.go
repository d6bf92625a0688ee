package keyauth

import (
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "key-auth", Version: "3.9.3", Priority: 1250,
		Config:           config,
		Entities:         []*schema.Schema{credentials},
		Phases:           phase.Access | phase.WSHandshake,
		Inline:           phase.Access | phase.WSHandshake,
		GuardsWebSockets: true,
		New:              plugin.Of(newHandler),
	})
}

// Config is a decoded configuration.
type Config struct {
	// KeyNames are headers, query arguments and body fields that may hold the key.
	KeyNames []string
	// HideCredentials takes the key out before the request goes on.
	HideCredentials bool
	// Anonymous is the id or username of the consumer for requests without a
	// good key; "" refuses them.
	Anonymous string
	// KeyInHeader, KeyInQuery and KeyInBody say where keys are looked for, in
	// that order.
	KeyInHeader, KeyInQuery, KeyInBody bool
	// RunOnPreflight false lets OPTIONS through.
	RunOnPreflight bool
	// Realm of the WWW-Authenticate header; "" leaves it out.
	Realm string
}

var config = &schema.Schema{
	Name: "key-auth",
	Fields: []schema.Field{
		schema.NoConsumer,
		schema.ProtocolsGuard,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "key_names", Type: schema.Array, Required: true, Default: schema.List("apikey"), Elements: &schema.HeaderName,
				Description: "Names of the header, query argument or body field that holds the key, in the order they are tried."},
			{Name: "hide_credentials", Type: schema.Boolean, Required: true, Default: false,
				Description: "Take the key out of the request before it goes to the service."},
			{Name: "anonymous", Type: schema.String,
				Description: "Id or username of the consumer for requests that fail to authenticate; without it they get 401."},
			{Name: "key_in_header", Type: schema.Boolean, Required: true, Default: true,
				Description: "Look for the key in the headers."},
			{Name: "key_in_query", Type: schema.Boolean, Required: true, Default: true,
				Description: "Look for the key in the query."},
			{Name: "key_in_body", Type: schema.Boolean, Required: true, Default: false,
				Description: "Look for the key in a form, multipart or JSON body."},
			{Name: "run_on_preflight", Type: schema.Boolean, Required: true, Default: true,
				Description: "Authenticate OPTIONS requests too."},
			{Name: "realm", Type: schema.String, Optional: true,
				Description: "Realm in the WWW-Authenticate header of a 401."},
		}},
	},
}

// credentials are the keys of consumers.
var credentials = &schema.Schema{
	Name:        "keyauth_credentials",
	EndpointKey: "key", CacheKey: []string{"key"},
	Workspaceable: true, TTL: true,
	AdminAPIName: "key-auths", AdminAPINestedName: "key-auth",
	Fields: []schema.Field{
		schema.ID,
		schema.CreatedAt,
		{Name: "consumer", Type: schema.Foreign, Reference: "consumers", Required: true, OnDelete: "cascade"},
		{Name: "key", Type: schema.String, Optional: true, Unique: true, Auto: true},
		schema.Tags,
	},
}
