package botdetection

import (
	"fmt"
	"regexp"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "bot-detection", Version: "3.9.3", Priority: 2500,
		Config: config,
		Phases: phase.Access,
		Inline: phase.Access,
		New:    newHandler,
	})
}

// Config is a decoded configuration.
type Config struct {
	// Allow and Deny are regexes that the User-Agent is searched for.
	Allow, Deny []string
}

// regexField is a string that compiles as a regex.
var regexField = &schema.Field{Type: schema.String, Custom: func(v any) error {
	s, _ := v.(string)
	if _, err := regexp.Compile(s); err != nil {
		return fmt.Errorf("not a valid regex: %s", s)
	}
	return nil
}}

var config = &schema.Schema{
	Name: "bot-detection",
	Fields: []schema.Field{
		schema.NoConsumer,
		schema.ProtocolsHTTP,
		{Name: "config", Type: schema.Record, Fields: []schema.Field{
			{Name: "allow", Type: schema.Array, Default: []any{}, Elements: regexField,
				Description: "Regexes of user agents that are let in, bots or not."},
			{Name: "deny", Type: schema.Array, Default: []any{}, Elements: regexField,
				Description: "Regexes of user agents that are kept out, beside the known bots."},
		}},
	},
}
