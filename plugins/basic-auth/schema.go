package basicauth

import (
	"crypto/sha1"
	"encoding/hex"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "basic-auth", Version: "3.9.3", Priority: 1100,
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
	// Anonymous is the id or username of the consumer for requests without
	// good credentials; "" refuses them.
	Anonymous string
	// HideCredentials takes the credentials out before the request goes on.
	HideCredentials bool
	// Realm of the WWW-Authenticate header.
	Realm string
}

var config = &schema.Schema{
	Name: "basic-auth",
	Fields: []schema.Field{
		schema.NoConsumer,
		schema.ProtocolsGuard,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "anonymous", Type: schema.String,
				Description: "Id or username of the consumer for requests that fail to authenticate; without it they get 401."},
			{Name: "hide_credentials", Type: schema.Boolean, Required: true, Default: false,
				Description: "Take the credentials out of the request before it goes to the service."},
			{Name: "realm", Type: schema.String, Required: true, Default: "service",
				Description: "Realm in the WWW-Authenticate header of a 401."},
		}},
	},
}

// credentials are user names and passwords of consumers. A password is stored
// as a digest, with the consumer's id for salt.
var credentials = &schema.Schema{
	Name:        "basicauth_credentials",
	EndpointKey: "username", CacheKey: []string{"username"},
	Workspaceable: true,
	AdminAPIName:  "basic-auths", AdminAPINestedName: "basic-auth",
	Fields: []schema.Field{
		schema.ID,
		schema.CreatedAt,
		{Name: "consumer", Type: schema.Foreign, Reference: "consumers", Required: true, OnDelete: "cascade"},
		{Name: "username", Type: schema.String, Required: true, Unique: true},
		{Name: "password", Type: schema.String, Required: true, Encrypted: true},
		schema.Tags,
	},
	Transformations: []schema.Transformation{{
		Input: []string{"password"}, Needs: []string{"consumer.id"},
		OnWrite: func(record map[string]any) (map[string]any, error) {
			password, _ := record["password"].(string)
			consumer, _ := record["consumer"].(map[string]any)
			id, _ := consumer["id"].(string)
			return map[string]any{"password": digest(password, id)}, nil
		},
	}},
}

// digest is the stored form of a password: the SHA-1 of it and the consumer's
// id, in hex. SHA-1 is what existing databases and files hold.
func digest(password, consumerID string) string {
	sum := sha1.Sum([]byte(password + consumerID))
	return hex.EncodeToString(sum[:])
}
