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
	"paths": {Type: schema.Array, Elements: &schema.RouterPath}, "port": schema.Port, "protocol": schema.Protocol,
	"protocols": schema.Protocols, "protocols_http": schema.ProtocolsHTTP, "protocols_https": schema.ProtocolsHTTPS,
	"protocols_stream": schema.ProtocolsStream, "queue": schema.Queue, "router_path": schema.RouterPath,
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
	"no_api":     {Type: schema.Foreign, Reference: "apis", Eq: schema.Null}, "name": schema.UTF8Name,
	"username": {Type: schema.String}, "http_header": schema.HeaderName, "protocols_http_https": schema.ProtocolsHTTP,
	"sources": peers, "destinations": peers, "capture_group": {Type: schema.String}, "jwk": {Type: schema.String},
}

// peers are a route's sources or destinations.
var peers = schema.Field{Type: schema.Set, Elements: &schema.Field{Type: schema.Record,
	Fields:       []schema.Field{schema.IPOrCIDR.Named("ip"), schema.Port.Named("port")},
	EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"ip", "port"}}}}}
