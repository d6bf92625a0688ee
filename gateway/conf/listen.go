package conf

import "time"

// Address is one listener: `ADDR:PORT [flags]`.
type Address struct {
	// Network is tcp, udp or unix.
	Network string
	// Host is an IP address (IPv6 without brackets), or the path of a unix socket.
	Host string
	Port int
	// TLS, HTTP2 and ProxyProtocol are the flags ssl, http2 and proxy_protocol.
	TLS, HTTP2, ProxyProtocol bool
	Deferred, Bind, ReusePort bool
	// Backlog is the length of the accept queue; 0 = the system's.
	Backlog int
	// IPv6Only is nil when not given (nginx's default is on).
	IPv6Only *bool
	// KeepAlive is so_keepalive.
	KeepAlive KeepAlive
	// Text is the entry as written, spaces reduced.
	Text string
}

// KeepAlive is the so_keepalive flag: On nil = the system's setting.
type KeepAlive struct {
	On             *bool
	Idle, Interval time.Duration // 0 = the system's
	Count          int           // 0 = the system's
}
