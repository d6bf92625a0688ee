package lua

import "github.com/gibbon-gateway/gibbon/model/schema"

// typedefs are the Go definitions behind lib/kong/db/schema/typedefs.lua, by the name there.
var typedefs = map[string]schema.Field{
	"certificate": schema.Certificate, "cidr_v4": schema.CIDRv4, "cookie_name": schema.CookieName,
	"header_name": schema.HeaderName, "headers": schema.Headers, "host": schema.Host,
	"host_with_optional_port": schema.HostWithOptionalPort,
	"hosts":                   {Type: schema.Array, Elements: &schema.RouteHost},
	"http_method":             schema.HTTPMethod, "ip": schema.IP, "ip_or_cidr": schema.IPOrCIDR, "key": schema.Key,
	"lua_code": schema.LuaCode, "methods": schema.Methods, "path": schema.Path,
	"paths": {Type: schema.Array, Elements: &schema.Path}, "port": schema.Port, "protocol": schema.Protocol,
	"protocols": schema.Protocols, "protocols_http": schema.ProtocolsHTTP, "protocols_https": schema.ProtocolsHTTPS,
	"protocols_stream": schema.ProtocolsStream, "queue": queueField, "router_path": schema.RouterPath,
	"router_paths":     {Type: schema.Array, Elements: &schema.RouterPath},
	"semantic_version": schema.SemVer, "sni": schema.SNI,
	"snis": {Type: schema.Set, Elements: &schema.SNI}, "tag": schema.Tag, "tags": schema.Tags,
	"timeout": schema.Timeout, "url": schema.URL, "utf8_name": schema.UTF8Name, "uuid": schema.ID,
	"auto_timestamp_s": schema.CreatedAt, "auto_timestamp_ms": schema.CreatedAtMs, "wildcard_host": schema.WildcardHost,
	"pem": {Type: schema.Record, Fields: []schema.Field{
		{Name: "public_key", Type: schema.String, Referenceable: true},
		{Name: "private_key", Type: schema.String, Referenceable: true, Encrypted: true},
	}},
	"no_consumer": schema.NoConsumer, "no_consumer_group": schema.NoConsumerGroup, "no_route": schema.NoRoute,
	"no_service": schema.NoService,
}

// queueField is the record of a batching queue (facts/plugins/http-log.json).
var queueField = schema.Field{Type: schema.Record, Fields: []schema.Field{
	{Name: "max_batch_size", Type: schema.Integer, Default: 1, Between: []float64{1, 1000000}},
	{Name: "max_coalescing_delay", Type: schema.Number, Default: 1, Between: []float64{0, 3600}},
	{Name: "max_entries", Type: schema.Integer, Default: 10000, Between: []float64{1, 1000000}},
	{Name: "max_bytes", Type: schema.Integer},
	{Name: "max_retry_time", Type: schema.Number, Default: 60},
	{Name: "initial_retry_delay", Type: schema.Number, Default: 0.01, Between: []float64{0.001, 1000000}},
	{Name: "max_retry_delay", Type: schema.Number, Default: 60, Between: []float64{0.001, 1000000}},
	{Name: "concurrency_limit", Type: schema.Integer, Default: 1, OneOf: schema.List(-1, 1)},
}}
