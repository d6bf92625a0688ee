package entity

import (
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// Service is a decoded service: where the requests of its routes go.
type Service struct {
	ID        string
	Workspace string `kong:"ws_id"`
	Name      string
	CreatedAt int64
	UpdatedAt int64
	// Retries is how many further tries follow a failed one (0–32767).
	Retries int
	// Protocol is http, https, grpc, grpcs, ws, wss, tcp, tls, tls_passthrough or udp.
	Protocol string
	// Host is a host name, an address, or the name of an upstream.
	Host string
	Port int
	// Path begins with "/", or is "".
	Path string
	// Timeouts in milliseconds.
	ConnectTimeout int
	WriteTimeout   int
	ReadTimeout    int
	Tags           []string
	// ClientCertificate is shown to the upstream.
	ClientCertificate Ref
	// TLSVerify is nil where the service leaves it to the settings.
	TLSVerify      *bool `kong:"tls_verify"`
	TLSVerifyDepth *int  `kong:"tls_verify_depth"`
	// CACertificates are ids of ca_certificates.
	CACertificates []string `kong:"ca_certificates"`
	Enabled        bool
}

func serviceSchema() *schema.Schema {
	onlyTLS := func(field string) schema.EntityCheck {
		return conditional("protocol", schema.Field{NotOneOf: list("https", "tls", "wss")}, field, schema.Field{Eq: schema.Null})
	}
	timeout := func(name string) schema.Field {
		return schema.Field{Name: name, Type: schema.Integer, Default: 60000, Between: []float64{1, 1<<31 - 2}}
	}
	return &schema.Schema{
		Name: "services", EndpointKey: "name", Workspaceable: true,
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt, schema.UpdatedAt, schema.UTF8Name,
			{Name: "retries", Type: schema.Integer, Default: 5, Between: []float64{0, 32767}},
			schema.Protocol.Named("protocol", required, schema.WithDefault("http")),
			schema.Host.Named("host", required),
			schema.Port.Named("port", required, schema.WithDefault(80)),
			schema.Path.Named("path"),
			timeout("connect_timeout"), timeout("write_timeout"), timeout("read_timeout"),
			schema.Tags,
			{Name: "client_certificate", Type: schema.Foreign, Reference: "certificates"},
			{Name: "tls_verify", Type: schema.Boolean},
			{Name: "tls_verify_depth", Type: schema.Integer, Default: schema.Null, Between: []float64{0, 64}},
			{Name: "ca_certificates", Type: schema.Array, Elements: &schema.Field{Type: schema.String, UUID: true, Reference: "ca_certificates"}},
			{Name: "enabled", Type: schema.Boolean, Required: true, Default: true},
		},
		EntityChecks: []schema.EntityCheck{
			conditional("protocol", schema.Field{OneOf: list("tcp", "tls", "udp", "grpc", "grpcs")}, "path", schema.Field{Eq: schema.Null}),
			onlyTLS("client_certificate"), onlyTLS("tls_verify"), onlyTLS("tls_verify_depth"), onlyTLS("ca_certificates"),
		},
		ShorthandFields: []schema.Shorthand{{Field: schema.Field{Name: "url", Type: schema.String}, Fn: splitURL}},
	}
}

// splitURL turns the shorthand url into protocol, host, port and path. What
// it cannot find stays out, so that the fields' own rules complain.
func splitURL(v any) (map[string]any, error) {
	s, _ := v.(string)
	out := map[string]any{"path": schema.Null}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		out["protocol"] = scheme
		switch scheme {
		case "http", "grpc", "ws":
			out["port"] = 80.0
		case "https", "grpcs", "wss":
			out["port"] = 443.0
		}
		s = rest
		end := strings.IndexAny(s, "/?#")
		if end < 0 {
			end = len(s)
		}
		authority := s[:end]
		s = s[end:]
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			authority = authority[at+1:]
		}
		if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
			if port, err := strconv.ParseFloat(authority[colon+1:], 64); err == nil {
				out["port"] = port
			}
			authority = authority[:colon]
		}
		if len(authority) > 2 && authority[0] == '[' && authority[len(authority)-1] == ']' {
			authority = authority[1 : len(authority)-1]
		}
		if authority != "" {
			out["host"] = authority
		}
	}
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	if s != "" {
		out["path"] = s
	}
	return out, nil
}
