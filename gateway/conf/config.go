package conf

import (
	"net/netip"
	"time"

	"github.com/gibbon-gateway/gibbon/observe/log"
)

// Config is every setting that the code uses, checked and typed. It is made by
// Load, never changed afterwards, and safe for use by all workers. A setting
// without a field here is reached by Raw.
type Config struct {
	// File is the settings file that was read, absolute; empty when there was none.
	File string
	// Prefix is the working folder, absolute and without a trailing slash:
	// logs/, pids/, sockets/ and certificates live in it. Setting: prefix.
	Prefix string
	// NodeID is the node's UUID when fixed by hand; empty: one is generated. Setting: node_id.
	NodeID string
	// Role is traditional, control_plane or data_plane.
	Role string
	// Daemon says whether `start` puts the gateway in the background. Setting: nginx_daemon.
	Daemon bool
	// Workers is the number of worker loops; 0 = as many as GOMAXPROCS. Setting: nginx_worker_processes.
	Workers int
	// WorkerConnections is the number of connections that one worker may hold; 0 = as many as file descriptors allow.
	// Setting: nginx_events_worker_connections.
	WorkerConnections int
	// OpenFiles is the wanted limit of file descriptors; 0 = raise to the hard limit. Setting: nginx_main_worker_rlimit_nofile.
	OpenFiles int
	// DedicatedConfigProcessing is accepted; configuration is always built outside the worker loops.
	DedicatedConfigProcessing bool
	// AnonymousReports is always false in effect: Gibbon sends no reports. The value is kept for plugins that read it.
	AnonymousReports bool

	Plugins Plugins
	Listen  Listen
	Logs    Logs
	TLS     TLS
	Client  Client
	Limits  Limits
	// Upstream is about connections to upstreams.
	Upstream  Upstream
	Datastore Datastore
	DNS       DNS
	Router    Router
	Lua       Lua
	Tracing   Tracing
	Headers   Headers
	Errors    Errors
	Hybrid    Hybrid
	Manager   Manager

	values map[string]Value    // every setting by name, as read
	inject map[string][]Inject // injected directives by block: main, events, http, proxy, …
}

// Plugins is what plugins and plugin servers are offered.
type Plugins struct {
	// Enabled is the list of plugin names in the order of the setting; "bundled"
	// stands for all bundled ones and "off" for none (the list is then empty). Setting: plugins.
	Enabled []string
	// Servers are the plugin servers by name. Settings: pluginserver_names, pluginserver_NAME_*.
	Servers []PluginServer
	// Vaults are the vault kinds that may be used; "bundled" stands for all. Setting: vaults.
	Vaults []string
	// VaultEnvPrefix is put before names looked up in the env vault. Setting: vault_env_prefix.
	VaultEnvPrefix string
	// Wasm says whether proxy-wasm filters are loaded.
	Wasm bool
	// WasmFiltersPath is the folder of *.wasm files.
	WasmFiltersPath string
	// WasmFilters are the filters that may be used: names, bundled, user.
	WasmFilters []string
}

// PluginServer is one external plugin server.
type PluginServer struct {
	Name     string
	Socket   string // unix socket; default PREFIX/NAME.socket
	StartCmd string // command that starts it; empty when it is managed from outside and the default does not exist
	QueryCmd string // command whose output describes its plugins
}

// Listen has the listeners of each kind; an empty list means off.
type Listen struct {
	Proxy   []Address
	Stream  []Address
	Admin   []Address
	Status  []Address
	Cluster []Address
	Manager []Address
	// PortMaps maps a port that a listener has to the port that clients see. Setting: port_maps ("80:8000" gives 8000→80).
	PortMaps map[int]int
}

// Logs are destinations; paths are absolute. An empty path means off.
type Logs struct {
	Level log.Level
	// ProxyError … are the error logs of each kind of listener.
	ProxyError, StreamError, AdminError, StatusError, ManagerError string
	// ProxyAccess … are the access logs.
	ProxyAccess, StreamAccess, AdminAccess, StatusAccess, ManagerAccess AccessLog
	// Formats are those of nginx_http_log_format and nginx_stream_log_format, by name.
	Formats map[string]LogFormat
}

// AccessLog is one access log setting: `off`, `PATH` or `PATH FORMAT [parameters]`.
type AccessLog struct {
	Path   string // absolute; empty = off
	Format string // name of a format; empty = the kind's own (kong_log_format; basic for stream)
}

// LogFormat is a log_format directive: nginx's variables in a text.
type LogFormat struct {
	Escape string // default, json or none
	Text   string
}

// TLS is about TLS listeners and certificates.
type TLS struct {
	// Proxy, Admin, Status and Manager are default certificates: pairs of paths or PEM texts, one pair a kind of key.
	// Empty: a self-signed pair is made in the prefix.
	Proxy, Admin, Status, Manager []KeyPair
	// Client is the certificate shown to upstreams; nil unless client_ssl is on.
	Client *KeyPair
	// Protocols are TLS versions: TLSv1, TLSv1.1, TLSv1.2, TLSv1.3. Setting: ssl_protocols.
	Protocols []string
	// CipherSuite is modern, intermediate, old, fips or custom.
	CipherSuite string
	// Ciphers is an OpenSSL cipher list; used when CipherSuite is custom.
	Ciphers             string
	PreferServerCiphers bool
	DHParam             string
	SessionTickets      bool
	SessionTimeout      time.Duration
	SessionCacheSize    int64 // bytes
	// ClientCAs, VerifyClient and VerifyDepth are nginx_proxy_ssl_client_certificate, …_ssl_verify_client and …_ssl_verify_depth:
	// client certificates asked of every client of the proxy listener.
	ClientCAs    string
	VerifyClient string // off, on, optional or optional_no_ca
	VerifyDepth  int
}

// KeyPair is a certificate and its key, each a path or a PEM text.
type KeyPair struct{ Cert, Key string }

// Client is about who a client is.
type Client struct {
	// TrustedIPs are the addresses whose X-Forwarded-* and real-IP headers are believed.
	TrustedIPs []netip.Prefix
	// TrustedUnix says whether peers on unix sockets are trusted ("unix:" in trusted_ips).
	TrustedUnix bool
	// RealIPHeader is the header that tells the client's address, or proxy_protocol.
	RealIPHeader string
	// RealIPRecursive walks the header's addresses back past the trusted ones.
	RealIPRecursive bool
	// AllowDebugHeader lets Kong-Debug ask for Kong-Route-* and Kong-Service-* headers.
	AllowDebugHeader bool
	// RequestDebug and RequestDebugToken are about X-Kong-Request-Debug timings; an empty token means a generated one.
	RequestDebug      bool
	RequestDebugToken string
}

// AddHeader is a field that is added to responses; no Name is none.
type AddHeader struct {
	Name, Value string
	// Always: to those of any status, not only of usual successes and redirects.
	Always bool
}

// Limits bounds requests and buffers. Sizes are bytes; a zero size of a body
// means no limit. Injected directives (nginx_http_*, nginx_proxy_*) set them.
type Limits struct {
	MaxBodySize       int64 // client_max_body_size; larger is 413
	BodyBufferSize    int64 // client_body_buffer_size; larger bodies go to a file
	LargeHeaders      int   // large_client_header_buffers: number
	LargeHeaderSize   int   // large_client_header_buffers: size of one; a longer request line is 414, a longer header line 400
	HeaderTimeout     time.Duration
	BodyTimeout       time.Duration
	SendTimeout       time.Duration
	KeepaliveTimeout  time.Duration // 0 = connections are closed after each answer
	KeepaliveRequests int           // requests per connection
	ProxyBufferSize   int           // proxy_buffer_size: a response head may be this long
	// UnderscoresInHeaders and IgnoreInvalidHeaders are nginx's directives of those names; both are on by default, as in the reference.
	UnderscoresInHeaders bool
	IgnoreInvalidHeaders bool
	// AddHeader is nginx's add_header.
	AddHeader AddHeader
	// AdminMaxBodySize and AdminBodyBufferSize are those of the Admin API.
	AdminMaxBodySize    int64
	AdminBodyBufferSize int64
	// Charset is added to textual Content-Types of proxied answers that name none; empty = off.
	Charset string
	// DefaultType is the Content-Type of answers without one.
	DefaultType string
	// BodyMemory is what bodies may take of memory, all requests together; what
	// does not fit goes to files. Setting: body_memory_limit.
	BodyMemory int64
	// BufferedResponse is the largest response that is buffered for plugins; 0 = any. Setting: buffered_response_limit.
	BufferedResponse int64
	// MemCacheSize is how many bytes cached entities may take. Setting: mem_cache_size.
	MemCacheSize int64
	// ShutdownTimeout bounds how long requests under way may keep a quitting gateway; 0 = no bound. Directive: worker_shutdown_timeout.
	ShutdownTimeout time.Duration
}

// Upstream is about connections to upstreams.
type Upstream struct {
	KeepalivePoolSize    int           // idle connections kept per worker and upstream; 0 = none
	KeepaliveMaxRequests int           // requests per connection; 0 = no limit
	KeepaliveIdleTimeout time.Duration // 0 = no limit
	// HTTP2 offers HTTP/2 to https services. Setting: upstream_http2.
	HTTP2 bool
	// TrustedCertificates are paths, PEM texts or "system" that upstreams' certificates are checked against. Setting: lua_ssl_trusted_certificate.
	TrustedCertificates []string
	VerifyDepth         int
	// TLSProtocols are the versions offered to upstreams and by Lua sockets. Setting: lua_ssl_protocols.
	TLSProtocols []string
	// Proxy is the forward proxy of control-plane connections. Settings: proxy_server, proxy_server_ssl_verify.
	Proxy          string
	ProxySSLVerify bool
}

// Datastore is where entities come from.
type Datastore struct {
	// Database is off, postgres or cassandra (the last is refused).
	Database string
	// DeclarativeConfig is the absolute path of kong.yml; empty = none. DeclarativeConfigString is its text instead.
	DeclarativeConfig       string
	DeclarativeConfigString string
	UpdateFrequency         time.Duration // db_update_frequency
	UpdatePropagation       time.Duration // db_update_propagation
	CacheTTL                time.Duration // 0 = entries stay
	CacheNegTTL             time.Duration // 0 = as CacheTTL
	ResurrectTTL            time.Duration
	WarmupEntities          []string
	Postgres                Postgres
	// PostgresRO is the read-only connection; nil when pg_ro_host is not set.
	PostgresRO *Postgres
}

// Postgres is one database connection's settings (pg_*, pg_ro_*).
type Postgres struct {
	Host, Database, User, Password, Schema string
	Port                                   int
	Timeout                                time.Duration
	KeepaliveTimeout                       time.Duration // 0 = none set
	SSL, SSLVerify                         bool
	MaxConcurrentQueries                   int // 0 = no limit
	SemaphoreTimeout                       time.Duration
	PoolSize, Backlog                      int // 0 = none set
}

// DNS is the resolver's settings. Those of the old client (dns_*) and of the
// new one (resolver_*) are both here; NewClient says which apply.
type DNS struct {
	NewClient   bool
	Servers     []string // host:port of name servers; empty = /etc/resolv.conf
	HostsFile   string
	Order       []string      // LAST, SRV, A, AAAA, CNAME
	Family      []string      // of the new client: A, AAAA, SRV
	ValidTTL    time.Duration // 0 = the records' own
	StaleTTL    time.Duration
	NotFoundTTL time.Duration
	ErrorTTL    time.Duration
	CacheSize   int
	NoSync      bool
}

// Router is how routes are matched and rebuilt.
type Router struct {
	Flavor string // traditional, traditional_compatible or expressions
	// Strict makes a change visible before its Admin API answer (worker_consistency=strict).
	Strict               bool
	StateUpdateFrequency time.Duration // worker_state_update_frequency
}

// Lua is the settings of the Lua runtime.
type Lua struct {
	PackagePath  string // lua_package_path, as set; the runtime adds its own
	PackageCPath string
	// SocketPoolSize is the number of idle cosockets kept per pool.
	SocketPoolSize int
	// Max… are the default limits of ngx.req.get_headers and the like.
	MaxReqHeaders, MaxRespHeaders, MaxURIArgs, MaxPostArgs int
	// Untrusted is off, sandbox or on.
	Untrusted                   string
	UntrustedSandboxRequires    []string
	UntrustedSandboxEnvironment []string
	RegexMatchLimit             int // lua_regex_match_limit
	RegexCacheMaxEntries        int // lua_regex_cache_max_entries
	// SharedDicts are the dictionaries of injected lua_shared_dict directives beside the gateway's own, sizes in bytes.
	SharedDicts map[string]int64
	// Variables are those of injected set directives: what plugins read from ngx.var until they write it. Keys have no "$".
	Variables map[string]string
	// ThreadPools are the pools of injected thread_pool directives.
	ThreadPools []ThreadPool
	// CheckClientAbort ends Lua handlers that wait when their client goes, or calls ngx.on_abort's callback.
	CheckClientAbort bool
	// MaxRunningTimers and MaxPendingTimers bound ngx.timer.
	MaxRunningTimers, MaxPendingTimers int
	// EventsMaxPayload is the size of one worker event. Setting: worker_events_max_payload.
	EventsMaxPayload int
}

// ThreadPool is a pool of ngx.run_worker_thread: how many calls run and wait at the same time.
type ThreadPool struct {
	Name           string
	Threads, Queue int
}

// Tracing is what is traced and how often.
type Tracing struct {
	Instrumentations []string // empty = off
	SamplingRate     float64  // 0 … 1
}

// Headers says which headers of its own the gateway adds (headers, headers_upstream).
type Headers struct {
	Server, Via       bool
	ProxyLatency      bool // X-Kong-Proxy-Latency
	UpstreamLatency   bool // X-Kong-Upstream-Latency
	ResponseLatency   bool // X-Kong-Response-Latency
	AdminLatency      bool // X-Kong-Admin-Latency
	UpstreamStatus    bool // X-Kong-Upstream-Status
	RequestID         bool // X-Kong-Request-Id to the client
	UpstreamRequestID bool // X-Kong-Request-Id to the upstream
}

// Errors is how the gateway's own errors look.
type Errors struct {
	DefaultType string // content type when Accept does not decide
	// Template… are the texts of the files named by error_template_*, with %s for message and request id; empty = built in.
	TemplateHTML, TemplateJSON, TemplatePlain, TemplateXML string
}

// Hybrid is about control and data planes.
type Hybrid struct {
	MTLS                string // shared or pki
	Cert, CertKey       string // paths or PEM texts
	CACert              string
	ServerName          string
	ControlPlane        string // host:port
	DataPlanePurgeDelay time.Duration
	OCSP                string
	MaxPayload          int64
	Labels              []string
	UseProxy            bool
}

// Manager is about the web interface.
type Manager struct {
	URL    []string
	APIURL string
	Path   string
}
