package schema

// Typedefs: fields that many schemas share. Use them as they stand, or take a
// named copy: HeaderName.Named("header", Require).

// Require makes a copied typedef required.
func Require(f *Field) { f.Required = true }

// WithDefault sets the default of a copied typedef.
func WithDefault(v any) func(*Field) { return func(f *Field) { f.Default = v } }

// Reference makes a copied typedef referenceable.
func Referenced(f *Field) { f.Referenceable = true }

// The typedefs.
var (
	// ID is the generated primary key.
	ID = Field{Name: "id", Type: String, UUID: true, Auto: true}
	// UUIDField is a string that is a UUID.
	UUIDField = Field{Type: String, UUID: true}
	// CreatedAt and UpdatedAt are in seconds; the Ms forms have a fraction.
	CreatedAt   = Field{Name: "created_at", Type: Integer, Timestamp: true, Auto: true}
	UpdatedAt   = Field{Name: "updated_at", Type: Integer, Timestamp: true, Auto: true}
	CreatedAtMs = Field{Name: "created_at", Type: Number, Timestamp: true, Auto: true}
	UpdatedAtMs = Field{Name: "updated_at", Type: Number, Timestamp: true, Auto: true}

	// Tag is one tag; Tags the field of an entity.
	Tag  = Field{Type: String, Required: true, Custom: checkTag}
	Tags = Field{Name: "tags", Type: Set, Elements: &Tag}

	// UTF8Name is the name of an entity.
	UTF8Name = Field{Name: "name", Type: String, Unique: true, Custom: checkName}

	// Host is a host name or an address, without a port.
	Host = Field{Type: String, Custom: CheckHost}
	// HostWithOptionalPort is a host name or address, a port may follow.
	HostWithOptionalPort = Field{Type: String, Custom: checkHostPort}
	// WildcardHost may have a wildcard label at one end (SNIs).
	WildcardHost = Field{Type: String, Custom: checkWildcardSNI}
	// RouteHost is an element of a route's hosts.
	RouteHost = Field{Type: String, Custom: checkRouteHost,
		MatchAll: []Pattern{{"^[^*]*%*?[^*]*$", "invalid wildcard: must have at most one wildcard"}},
		MatchAny: &AnyPattern{[]string{"^%*%.", "%.%*$", "^[^*]*$"}, "invalid wildcard: must be placed at leftmost or rightmost label"}}
	// SNI is a host name without a port or an address.
	SNI = Field{Type: String, Custom: checkSNI}
	// IP is an address, IPOrCIDR an address or a range.
	IP       = Field{Type: String, Custom: checkIP}
	IPOrCIDR = Field{Type: String, Custom: checkIPOrCIDR}
	CIDRv4   = Field{Type: String, Custom: checkIPOrCIDR}
	// Port is 0–65535, Timeout 0–2147483646 milliseconds.
	Port    = Field{Type: Integer, Between: []float64{0, 65535}}
	Timeout = Field{Type: Integer, Between: []float64{0, 1<<31 - 2}}

	// Path is a request path: begins with "/", no empty segments.
	Path = Field{Type: String, StartsWith: "/", Custom: checkPath,
		MatchNone: []Pattern{{"//", "must not have empty segments"}}}
	// RouterPath is a route's path: a normalised prefix, or ~ and a regex.
	RouterPath = Field{Type: String, Custom: checkRouterPath,
		MatchAny:  &AnyPattern{[]string{"^/", "^~/"}, "should start with: / (fixed path) or ~/ (regex path)"},
		MatchNone: []Pattern{{"//", "must not have empty segments"}}}
	// URL is an absolute URL with a host.
	URL = Field{Type: String, Custom: checkURL}

	HeaderName = Field{Type: String, Custom: CheckHeaderName}
	CookieName = Field{Type: String, Custom: checkCookieName}
	HTTPMethod = Field{Type: String, Match: "^%u+$"}
	// Methods is a set of HTTP methods.
	Methods = Field{Type: Set, Elements: &HTTPMethod}
	// Headers maps a header name to a list of values; not for Host.
	Headers = Field{Type: Map,
		Keys: &Field{Type: String, Custom: CheckHeaderName,
			MatchNone: []Pattern{{"^[Hh][Oo][Ss][Tt]$", "cannot contain 'host' header, which must be specified in the 'hosts' attribute"}}},
		Values: &Field{Type: Array, Elements: &Field{Type: String}}}
	// SemVer is a version x.y.z.
	SemVer = Field{Type: String,
		MatchAny:  &AnyPattern{[]string{"^%d+[%.%d]*$", "^%d+[%.%d]*%-?.*$"}, "invalid version number: must be in format of X.Y.Z"},
		MatchNone: []Pattern{{"%.%.", "must not have empty version segments"}}}

	// Certificate and Key are PEM texts.
	Certificate = Field{Type: String, Custom: CheckCertificate}
	Key         = Field{Type: String, Custom: CheckKey}

	// LuaCode maps field names to Lua expressions.
	LuaCode = Field{Type: Map, Keys: &Field{Type: String, LenMin: Int(1)}, Values: &Field{Type: String, LenMin: Int(1)}}

	// Protocol is a protocol of routes and plugins.
	Protocol = Field{Type: String, OneOf: List("grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp"), AlsoOneOf: List("ws", "wss")}
	// Protocols is the plugin entity's own field.
	Protocols = Field{Name: "protocols", Type: Set, Required: true,
		Default: List("grpc", "grpcs", "http", "https"), Elements: &Protocol}
	// ProtocolsHTTP, ProtocolsStream and ProtocolsHTTPS narrow a plugin's protocols.
	ProtocolsHTTP = Field{Name: "protocols", Type: Set, Required: true,
		Default:  List("grpc", "grpcs", "http", "https"),
		Elements: &Field{Type: String, OneOf: List("grpc", "grpcs", "http", "https")}}
	// ProtocolsGuard is ProtocolsHTTP for plugins that let WebSockets in or keep them out, too.
	ProtocolsGuard = Field{Name: "protocols", Type: Set, Required: true,
		Default:  List("grpc", "grpcs", "http", "https"),
		Elements: &Field{Type: String, OneOf: List("grpc", "grpcs", "http", "https"), AlsoOneOf: List("ws", "wss")}}
	ProtocolsHTTPS = Field{Name: "protocols", Type: Set, Required: true,
		Default:  List("https", "grpcs"),
		Elements: &Field{Type: String, OneOf: List("https", "grpcs")}}
	// ProtocolsWebSocket is for plugins with WebSocket phases only.
	ProtocolsWebSocket = Field{Name: "protocols", Type: Set, Required: true,
		Default:  List("ws", "wss"),
		Elements: &Field{Type: String, OneOf: List("ws", "wss")}}
	ProtocolsStream = Field{Name: "protocols", Type: Set, Required: true,
		Default:  List("tcp", "tls", "udp"),
		Elements: &Field{Type: String, OneOf: List("tcp", "tls", "udp")}}

	// NoConsumer, NoConsumerGroup, NoRoute and NoService refuse a plugin in
	// that scope.
	NoConsumer      = Field{Name: "consumer", Type: Foreign, Reference: "consumers", Eq: Null}
	NoConsumerGroup = Field{Name: "consumer_group", Type: Foreign, Reference: "consumer_groups", Eq: Null}
	NoRoute         = Field{Name: "route", Type: Foreign, Reference: "routes", Eq: Null}
	NoService       = Field{Name: "service", Type: Foreign, Reference: "services", Eq: Null}
)
