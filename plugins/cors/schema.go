package cors

import (
	"fmt"
	"regexp"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "cors", Version: "3.9.3", Priority: 2000,
		Config: config,
		Phases: phase.Access | phase.HeaderFilter,
		Inline: phase.Access | phase.HeaderFilter,
		New:    plugin.Of(newHandler),
	})
}

// Config is a decoded configuration.
type Config struct {
	// Origins are origins, regexes of them, or "*"; none means "*".
	Origins []string
	// Headers that may be sent; none means those that the browser asks for.
	Headers []string
	// ExposedHeaders are those that scripts may read.
	ExposedHeaders []string
	Methods        []string
	// MaxAge is how long a browser may keep a preflight's answer, in seconds;
	// nil leaves it to the browser.
	MaxAge *float64
	// Credentials lets cookies and the like be sent.
	Credentials bool
	// PrivateNetwork lets a page of a public network ask a private one.
	PrivateNetwork bool
	// PreflightContinue sends preflights to the service.
	PreflightContinue bool
}

var methods = schema.List("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT")

var config = &schema.Schema{
	Name: "cors",
	Fields: []schema.Field{
		schema.NoConsumer,
		schema.ProtocolsHTTP,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "origins", Type: schema.Array, Elements: &schema.Field{Type: schema.String, Custom: checkOrigin},
				Description: "Origins that are allowed: as they are written, as regexes, or `*` for all."},
			{Name: "headers", Type: schema.Array, Elements: &schema.Field{Type: schema.String},
				Description: "Headers that may be sent; without it those that the browser asks for."},
			{Name: "exposed_headers", Type: schema.Array, Elements: &schema.Field{Type: schema.String},
				Description: "Headers that scripts may read."},
			{Name: "methods", Type: schema.Array, Default: methods, Elements: &schema.Field{Type: schema.String, OneOf: methods},
				Description: "Methods that are allowed."},
			{Name: "max_age", Type: schema.Number,
				Description: "How long a browser may keep the answer to a preflight, in seconds."},
			{Name: "credentials", Type: schema.Boolean, Required: true, Default: false,
				Description: "Let cookies and other credentials be sent."},
			{Name: "private_network", Type: schema.Boolean, Required: true, Default: false,
				Description: "Let pages of a public network ask a private one."},
			{Name: "preflight_continue", Type: schema.Boolean, Required: true, Default: false,
				Description: "Send preflight requests to the service."},
		}},
	},
}

// checkOrigin takes "*" and whatever is a regex, which plain origins are too.
func checkOrigin(v any) error {
	s, _ := v.(string)
	if s == "*" {
		return nil
	}
	if _, err := regexp.Compile(s); err != nil {
		return fmt.Errorf("'%s' is not a valid regex", s)
	}
	return nil
}
