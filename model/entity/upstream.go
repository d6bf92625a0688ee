package entity

// Upstream is a decoded upstream: a virtual host name whose requests are
// spread over targets.
type Upstream struct {
	ID        string
	Workspace string `kong:"ws_id"`
	// Name is the host name that services use.
	Name      string
	CreatedAt int64
	UpdatedAt int64
	// Algorithm is round-robin, consistent-hashing, least-connections or latency.
	Algorithm string
	// HashOn and HashFallback are none, consumer, ip, header, cookie, path,
	// query_arg or uri_capture; the fields below name what is hashed.
	HashOn                 string
	HashFallback           string
	HashOnHeader           string
	HashFallbackHeader     string
	HashOnCookie           string
	HashOnCookiePath       string
	HashOnQueryArg         string
	HashFallbackQueryArg   string
	HashOnURICapture       string `kong:"hash_on_uri_capture"`
	HashFallbackURICapture string `kong:"hash_fallback_uri_capture"`
	// Slots is the size of the hash ring (10–65536).
	Slots             int
	Healthchecks      Healthchecks
	Tags              []string
	HostHeader        string
	ClientCertificate Ref
	UseSRVName        bool `kong:"use_srv_name"`
}

// Healthchecks are the settings of an upstream's checks.
type Healthchecks struct {
	Active  ActiveChecks
	Passive PassiveChecks
	// Threshold is the percentage of weight that must be healthy (0–100).
	Threshold float64
}

// ActiveChecks are probes that the gateway sends.
type ActiveChecks struct {
	// Type is tcp, http, https, grpc or grpcs.
	Type                   string
	Concurrency            int
	HTTPPath               string `kong:"http_path"`
	HTTPSSNI               string `kong:"https_sni"`
	HTTPSVerifyCertificate bool   `kong:"https_verify_certificate"`
	Headers                map[string][]string
	// Timeout is in seconds.
	Timeout   float64
	Healthy   Healthy
	Unhealthy Unhealthy
}

// PassiveChecks watch proxied traffic.
type PassiveChecks struct {
	Type      string
	Healthy   Healthy
	Unhealthy Unhealthy
}

// Healthy says what makes a target healthy.
type Healthy struct {
	// Interval between probes in seconds, 0 = none (active checks only).
	Interval     float64
	Successes    int
	HTTPStatuses []int `kong:"http_statuses"`
}

// Unhealthy says what makes a target unhealthy.
type Unhealthy struct {
	// Interval between probes in seconds, 0 = none (active checks only).
	Interval     float64
	TCPFailures  int   `kong:"tcp_failures"`
	HTTPFailures int   `kong:"http_failures"`
	Timeouts     int   `kong:"timeouts"`
	HTTPStatuses []int `kong:"http_statuses"`
}
