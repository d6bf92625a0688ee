package entity

// Route is a decoded route: which requests it takes and how they go on.
type Route struct {
	ID        string
	Workspace string `kong:"ws_id"`
	Name      string
	// CreatedAt is in seconds since the epoch; it breaks ties between routes.
	CreatedAt int64
	UpdatedAt int64
	// Protocols is one of the sets {http,https}, {grpc,grpcs}, {tcp,tls,udp},
	// {tls_passthrough}, {ws,wss} or a part of one.
	Protocols []string
	// HTTPSRedirectStatusCode is 426, 301, 302, 307 or 308.
	HTTPSRedirectStatusCode int
	StripPath               bool
	PreserveHost            bool
	RequestBuffering        bool
	ResponseBuffering       bool
	Tags                    []string
	Service                 Ref
	SNIs                    []string `kong:"snis"`
	Sources                 []Peer
	Destinations            []Peer
	Methods                 []string
	Hosts                   []string
	// Paths begin with "/" (prefix) or "~" (regex).
	Paths   []string
	Headers map[string][]string
	// RegexPriority orders regex paths among routes of one category.
	RegexPriority int64
	// PathHandling is "v0" or "v1".
	PathHandling string
	// Expression and Priority belong to the expressions router flavor.
	Expression string
	Priority   int64
}

// Ref is a foreign key: the id of the entity it points to, "" for none.
type Ref struct{ ID string }

// Peer is one element of a route's sources or destinations.
type Peer struct {
	// IP is an address or a CIDR block, "" for any.
	IP string
	// Port is 0 for any.
	Port int
}
