package requesttermination

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "request-termination", Version: "3.9.3", Priority: 2,
		Config: config,
		Phases: phase.Access,
		Inline: phase.Access,
		New:    plugin.Of(newHandler),
	})
}

// Config is a decoded configuration.
type Config struct {
	// StatusCode of the response, 100 to 599.
	StatusCode int
	// Message goes out as {"message": …}; not together with Body or ContentType.
	Message string
	// Body and its ContentType go out as they stand.
	ContentType, Body string
	// Echo answers with a description of the request.
	Echo bool
	// Trigger is a header or query argument without which the request goes on.
	Trigger string
}

var config = &schema.Schema{
	Name: "request-termination",
	Fields: []schema.Field{
		schema.ProtocolsHTTP,
		{Name: "config", Type: schema.Record, Custom: consistent, Fields: []schema.Field{
			{Name: "status_code", Type: schema.Integer, Required: true, Default: 503, Between: []float64{100, 599},
				Description: "Status of the response."},
			{Name: "message", Type: schema.String,
				Description: "Text that is sent as {\"message\": …}; the status has its own without it."},
			{Name: "content_type", Type: schema.String,
				Description: "Content-Type of body."},
			{Name: "body", Type: schema.String,
				Description: "Body that is sent as it stands."},
			{Name: "echo", Type: schema.Boolean, Required: true, Default: false,
				Description: "Answer with a description of the request."},
			schema.HeaderName.Named("trigger", func(f *schema.Field) {
				f.Description = "Header or query argument without which the request goes on."
			}),
		}},
	},
}

// consistent is the check across the fields of a configuration.
func consistent(v any) error {
	c, _ := v.(map[string]any)
	given := func(name string) bool { x := c[name]; return x != nil && x != schema.Null }
	if given("message") && (given("content_type") || given("body")) {
		return errors.New("message cannot be used with content_type or body")
	}
	if given("content_type") && !given("body") {
		return errors.New("content_type requires a body")
	}
	if c["echo"] == true && (given("body") || given("content_type")) {
		return errors.New("echo cannot be used with content_type and body")
	}
	return nil
}
