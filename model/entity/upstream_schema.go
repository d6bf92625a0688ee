package entity

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

func upstreamSchema() *schema.Schema {
	hashes := list("none", "consumer", "ip", "header", "cookie", "path", "query_arg", "uri_capture")
	nonEmpty := func(name string) schema.Field {
		return schema.Field{Name: name, Type: schema.String, LenMin: schema.Int(1)}
	}
	return &schema.Schema{
		Name: "upstreams", EndpointKey: "name", Workspaceable: true,
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt, schema.UpdatedAt,
			{Name: "name", Type: schema.String, Required: true, Unique: true, Custom: checkUpstreamName},
			{Name: "algorithm", Type: schema.String, Default: "round-robin",
				OneOf: list("consistent-hashing", "least-connections", "round-robin", "latency")},
			{Name: "hash_on", Type: schema.String, Default: "none", OneOf: hashes},
			{Name: "hash_fallback", Type: schema.String, Default: "none", OneOf: hashes},
			schema.HeaderName.Named("hash_on_header"),
			schema.HeaderName.Named("hash_fallback_header"),
			schema.CookieName.Named("hash_on_cookie"),
			schema.Path.Named("hash_on_cookie_path", schema.WithDefault("/")),
			nonEmpty("hash_on_query_arg"), nonEmpty("hash_fallback_query_arg"),
			nonEmpty("hash_on_uri_capture"), nonEmpty("hash_fallback_uri_capture"),
			{Name: "slots", Type: schema.Integer, Default: 10000, Between: []float64{10, 1 << 16}},
			{Name: "healthchecks", Type: schema.Record, Fields: []schema.Field{
				activeChecks(), passiveChecks(),
				{Name: "threshold", Type: schema.Number, Default: 0, Between: []float64{0, 100}},
			}},
			schema.Tags,
			schema.HostWithOptionalPort.Named("host_header"),
			{Name: "client_certificate", Type: schema.Foreign, Reference: "certificates"},
			{Name: "use_srv_name", Type: schema.Boolean, Default: false},
		},
		EntityChecks:    hashChecks(),
		ShorthandFields: hashShorthands(),
	}
}

// hashChecks: what is hashed must be named, and a fallback must be able to
// differ from it.
func hashChecks() []schema.EntityCheck {
	need := func(ifField, is, then string) schema.EntityCheck {
		return conditional(ifField, schema.Field{Match: "^" + is + "$"}, then, schema.Field{Required: true})
	}
	fallback := func(is string, to ...string) schema.EntityCheck {
		return conditional("hash_on", schema.Field{Match: "^" + is + "$"}, "hash_fallback", schema.Field{OneOf: list(to...)})
	}
	distinct := func(suffix string) schema.EntityCheck {
		return schema.EntityCheck{Distinct: []string{"hash_on_" + suffix, "hash_fallback_" + suffix}}
	}
	return []schema.EntityCheck{
		need("hash_on", "header", "hash_on_header"),
		need("hash_fallback", "header", "hash_fallback_header"),
		need("hash_on", "cookie", "hash_on_cookie"),
		need("hash_fallback", "cookie", "hash_on_cookie"),
		fallback("none", "none"),
		fallback("cookie", "none"),
		fallback("consumer", "none", "ip", "header", "cookie", "path", "query_arg", "uri_capture"),
		fallback("ip", "none", "consumer", "header", "cookie", "path", "query_arg", "uri_capture"),
		fallback("path", "none", "consumer", "header", "cookie", "query_arg", "ip", "uri_capture"),
		distinct("header"),
		need("hash_on", "query_arg", "hash_on_query_arg"),
		need("hash_fallback", "query_arg", "hash_fallback_query_arg"),
		distinct("query_arg"),
		need("hash_on", "uri_capture", "hash_on_uri_capture"),
		need("hash_fallback", "uri_capture", "hash_fallback_uri_capture"),
		distinct("uri_capture"),
	}
}

// hashShorthands keep algorithm and hash_on in step: setting one of them sets
// what the other must then be.
func hashShorthands() []schema.Shorthand {
	return []schema.Shorthand{
		{Field: schema.Field{Name: "algorithm", Type: schema.String}, Fn: func(v any) (map[string]any, error) {
			if v == "least-connections" {
				return map[string]any{"algorithm": v, "hash_on": "none"}, nil
			}
			return map[string]any{"algorithm": v}, nil
		}},
		{Field: schema.Field{Name: "hash_on", Type: schema.String}, OnNull: true, Fn: func(v any) (map[string]any, error) {
			switch v {
			case schema.Null:
				return map[string]any{"hash_on": "none", "algorithm": "round-robin"}, nil
			case "none":
				return map[string]any{"hash_on": v}, nil
			}
			return map[string]any{"hash_on": v, "algorithm": "consistent-hashing"}, nil
		}},
	}
}

func checkUpstreamName(v any) error {
	s, _ := v.(string)
	host, port, ok := schema.SplitHostPort(s)
	switch {
	case ok && schema.IsIP(host):
		return fmt.Errorf("Invalid name ('%s'); no ip addresses allowed", s)
	case !ok:
		return fmt.Errorf("Invalid name ('%s'); must be a valid hostname", s)
	case port >= 0:
		return fmt.Errorf("Invalid name ('%s'); no port allowed", s)
	}
	return nil
}

func count(name string) schema.Field {
	return schema.Field{Name: name, Type: schema.Integer, Default: 0, Between: []float64{0, 255}}
}

func seconds(name string, def float64) schema.Field {
	return schema.Field{Name: name, Type: schema.Number, Default: def, Between: []float64{0, 65535}}
}

func statuses(codes ...float64) schema.Field {
	return schema.Field{Name: "http_statuses", Type: schema.Array, Default: schema.List(codes...),
		Elements: &schema.Field{Type: schema.Integer, Between: []float64{100, 999}}}
}

func checkType() schema.Field {
	return schema.Field{Name: "type", Type: schema.String, Default: "http", OneOf: list("tcp", "http", "https", "grpc", "grpcs")}
}

func activeChecks() schema.Field {
	return schema.Field{Name: "active", Type: schema.Record, Fields: []schema.Field{
		checkType(),
		seconds("timeout", 1),
		{Name: "concurrency", Type: schema.Integer, Default: 10, Between: []float64{1, 1 << 31}},
		schema.Path.Named("http_path", schema.WithDefault("/")),
		schema.SNI.Named("https_sni"),
		{Name: "https_verify_certificate", Type: schema.Boolean, Required: true, Default: true},
		{Name: "headers", Type: schema.Map, Keys: &schema.HeaderName,
			Values: &schema.Field{Type: schema.Array, Elements: &schema.Field{Type: schema.String}}},
		{Name: "healthy", Type: schema.Record, Fields: []schema.Field{
			seconds("interval", 0), statuses(200, 302), count("successes")}},
		{Name: "unhealthy", Type: schema.Record, Fields: []schema.Field{
			seconds("interval", 0), statuses(429, 404, 500, 501, 502, 503, 504, 505),
			count("tcp_failures"), count("timeouts"), count("http_failures")}},
	}}
}

func passiveChecks() schema.Field {
	return schema.Field{Name: "passive", Type: schema.Record, Fields: []schema.Field{
		checkType(),
		{Name: "healthy", Type: schema.Record, Fields: []schema.Field{
			statuses(200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308),
			count("successes")}},
		{Name: "unhealthy", Type: schema.Record, Fields: []schema.Field{
			statuses(429, 500, 503), count("tcp_failures"), count("timeouts"), count("http_failures")}},
	}}
}
