package entity

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
