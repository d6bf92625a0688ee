package schema

// Typedefs are the typedefs by the names that a schema.lua uses
// (kong.db.schema.typedefs).
var Typedefs = map[string]Field{
	"http_method": HTTPMethod, "protocol": Protocol, "host": Host, "port": Port,
	"host_with_optional_port": HostWithOptionalPort, "wildcard_host": WildcardHost, "ip": IP, "ip_or_cidr": IPOrCIDR,
	"cidr_v4": CIDRv4, "path": Path, "url": URL, "cookie_name": CookieName, "header_name": HeaderName, "timeout": Timeout,
	"uuid": {Type: String, UUID: true, Auto: true}, "auto_timestamp_s": {Type: Integer, Timestamp: true, Auto: true},
	"auto_timestamp_ms": {Type: Number, Timestamp: true, Auto: true},
	"no_api":            {Type: Foreign, Reference: "apis", Eq: Null}, "no_route": unnamed(NoRoute), "no_service": unnamed(NoService),
	"no_consumer": unnamed(NoConsumer), "no_consumer_group": unnamed(NoConsumerGroup),
	"protocols": unnamed(Protocols), "protocols_http": unnamed(ProtocolsHTTP), "protocols_http_https": unnamed(ProtocolsHTTP),
	"protocols_stream": unnamed(ProtocolsStream), "protocols_https": unnamed(ProtocolsHTTPS),
	"name":             {Type: String, Unique: true, Custom: checkName},
	"utf8_name":        {Type: String, Unique: true, Custom: checkName},
	"username":         {Type: String},
	"sni":              SNI,
	"certificate":      Certificate,
	"key":              Key,
	"tag":              Tag,
	"tags":             unnamed(Tags),
	"http_header":      HeaderName,
	"headers":          Headers,
	"methods":          Methods,
	"hosts":            {Type: Array, Elements: &RouteHost},
	"router_path":      RouterPath,
	"paths":            {Type: Array, Elements: &RouterPath},
	"sources":          peerSet,
	"destinations":     peerSet,
	"semantic_version": SemVer, "lua_code": LuaCode, "capture_group": {Type: String},
	"jwk":                 {Type: String},
	"pem":                 {Type: Record, Optional: true, Fields: []Field{{Name: "private_key", Type: String}, {Name: "public_key", Type: String}}},
	"queue":               unnamed(Queue),
	"router_paths":        {Type: Array, Elements: &RouterPath},
	"redis_cluster_nodes": {Type: Array, Elements: &Field{Type: Record, Fields: []Field{Host.Named("ip"), Port.Named("port")}}},
}

var peerSet = Field{Type: Set, Elements: &Field{Type: Record,
	Fields:       []Field{IPOrCIDR.Named("ip"), Port.Named("port")},
	EntityChecks: []EntityCheck{{AtLeastOneOf: []string{"ip", "port"}}}}}

func unnamed(f Field) Field {
	f.Name = ""
	return f
}
