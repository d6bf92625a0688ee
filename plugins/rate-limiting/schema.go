package ratelimiting

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugins/shared/redisconf"
)

func init() {
	plugin.Register(plugin.Plugin{
		Name: "rate-limiting", Version: "3.9.3", Priority: 910,
		Config: config,
		Phases: phase.Access,
		Inline: phase.Access,
		New:    newHandler,
	})
}

// Config is a decoded configuration.
type Config struct {
	// Limits of the windows; 0 = none.
	Second, Minute, Hour, Day, Month, Year float64
	// LimitBy is consumer, credential, ip, service, header or path.
	LimitBy    string
	HeaderName string
	Path       string
	// Policy is local, cluster or redis: where the counters are.
	Policy            string
	HideClientHeaders bool
	ErrorCode         int
	ErrorMessage      string
}

// windows from the shortest to the longest.
var windows = [...]string{"second", "minute", "hour", "day", "month", "year"}

func limit(name string) schema.Field {
	return schema.Field{Name: name, Type: schema.Number, Gt: schema.Num(0),
		Description: "Requests that are allowed in a " + name + "."}
}

var config = &schema.Schema{
	Name: "rate-limiting",
	Fields: []schema.Field{
		schema.ProtocolsHTTP,
		{Name: "config", Type: schema.Record, Custom: growing, ShorthandFields: redisconf.Shorthands, Fields: []schema.Field{
			limit("second"), limit("minute"), limit("hour"), limit("day"), limit("month"), limit("year"),
			{Name: "limit_by", Type: schema.String, Default: "consumer",
				OneOf:       schema.List("consumer", "credential", "ip", "service", "header", "path"),
				Description: "What has a counter of its own; where it is not known, the client's address has."},
			schema.HeaderName.Named("header_name", func(f *schema.Field) {
				f.Description = "Header whose value has a counter, with limit_by header."
			}),
			schema.Path.Named("path", func(f *schema.Field) {
				f.Description = "Path that has a counter, with limit_by path."
			}),
			{Name: "policy", Type: schema.String, Default: "local", LenMin: schema.Int(0),
				OneOf:       schema.List("local", "cluster", "redis"),
				Description: "Where the counters are."},
			{Name: "fault_tolerant", Type: schema.Boolean, Required: true, Default: true,
				Description: "Let requests through when the counters cannot be reached."},
			redisconf.Field,
			{Name: "hide_client_headers", Type: schema.Boolean, Required: true, Default: false,
				Description: "Do not tell clients their limits."},
			{Name: "error_code", Type: schema.Number, Default: 429, Gt: schema.Num(0),
				Description: "Status of the refusal."},
			{Name: "error_message", Type: schema.String, Default: "API rate limit exceeded",
				Description: "Text of the refusal."},
			{Name: "sync_rate", Type: schema.Number, Required: true, Default: -1,
				Description: "How often counters are sent to Redis, in seconds; -1 = with each request."},
		}},
	},
	EntityChecks: []schema.EntityCheck{
		{AtLeastOneOf: []string{"config.second", "config.minute", "config.hour", "config.day", "config.month", "config.year"}},
		needs("config.policy", "redis", "config.redis.host"),
		needs("config.policy", "redis", "config.redis.port"),
		needs("config.policy", "redis", "config.redis.timeout"),
		needs("config.limit_by", "header", "config.header_name"),
		needs("config.limit_by", "path", "config.path"),
	},
}

// needs: where field has the value, then has to be given.
func needs(field, value, then string) schema.EntityCheck {
	return schema.EntityCheck{Conditional: &schema.Conditional{
		IfField: field, IfMatch: schema.Field{Eq: value},
		ThenField: then, ThenMatch: schema.Field{Required: true}}}
}

// growing: a longer window may not allow less than a shorter one.
func growing(v any) error {
	c, _ := v.(map[string]any)
	shorter := ""
	for _, w := range windows {
		n, given := c[w].(float64)
		if !given {
			continue
		}
		if shorter != "" && n < c[shorter].(float64) {
			return fmt.Errorf("The limit for %s(%.1f) cannot be lower than the limit for %s(%.1f)", w, n, shorter, c[shorter])
		}
		shorter = w
	}
	return nil
}
