// Package redisconf is how plugins are told of a Redis server: the record
// "redis" of their configurations, and the older fields that it replaced.
package redisconf

import "github.com/gibbon-gateway/gibbon/model/schema"

// Config is a decoded record.
type Config struct {
	Host string
	Port int
	// Timeout to connect, send and receive, in milliseconds.
	Timeout            int
	Username, Password string
	Database           int
	SSL                bool `kong:"ssl"`
	SSLVerify          bool `kong:"ssl_verify"`
	// ServerName is the SNI.
	ServerName string
}

// Field is the record.
var Field = schema.Field{Name: "redis", Type: schema.Record, Fields: []schema.Field{
	schema.Host.Named("host"),
	schema.Port.Named("port", schema.WithDefault(6379)),
	schema.Timeout.Named("timeout", schema.WithDefault(2000)),
	{Name: "username", Type: schema.String, Referenceable: true},
	{Name: "password", Type: schema.String, Referenceable: true, Encrypted: true, LenMin: schema.Int(0)},
	{Name: "database", Type: schema.Integer, Default: 0},
	{Name: "ssl", Type: schema.Boolean, Optional: true, Default: false},
	{Name: "ssl_verify", Type: schema.Boolean, Optional: true, Default: false},
	schema.SNI.Named("server_name", func(f *schema.Field) { f.Optional = true }),
}}

// Shorthands are the fields redis_host, redis_port … that Field replaced.
var Shorthands = shorthands()

func shorthands() []schema.Shorthand {
	var list []schema.Shorthand
	for _, f := range []schema.Field{
		{Name: "host", Type: schema.String},
		{Name: "port", Type: schema.Integer},
		{Name: "password", Type: schema.String, LenMin: schema.Int(0)},
		{Name: "username", Type: schema.String},
		{Name: "ssl", Type: schema.Boolean},
		{Name: "ssl_verify", Type: schema.Boolean},
		{Name: "server_name", Type: schema.String},
		{Name: "timeout", Type: schema.Integer},
		{Name: "database", Type: schema.Integer},
	} {
		path := []string{"redis", f.Name}
		f.Name = "redis_" + f.Name
		f.Deprecation = &schema.Deprecation{Message: "use config.redis." + path[1] + " instead of config." + f.Name, RemovalInVersion: "4.0"}
		list = append(list, schema.Shorthand{Field: f, ReplacedWith: [][]string{path}, TranslateBackwards: path})
	}
	return list
}
