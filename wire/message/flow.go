package message

import (
	"crypto/tls"
	"net/netip"
	"time"
)

// Blame says whose fault an error is; retries, health and logs read it.
type Blame uint8

// Who is to blame.
const (
	BlameNone Blame = iota
	BlameClient
	BlameGateway
	BlameUpstream
)

// Flow is what every client connection has, whatever it carries. One loop owns it.
type Flow struct {
	// Serial numbers the connection within the process, from 1.
	Serial uint64
	// Requests counts the exchanges begun on it.
	Requests uint64
	// Peer is the other end of the socket, Local our end; invalid on a unix socket.
	Peer, Local netip.AddrPort
	// Proxied is the client that a PROXY protocol header named; invalid without one.
	Proxied netip.AddrPort
	// Accepted is when the connection was accepted.
	Accepted time.Time
	// TLS is the state of the client's TLS, nil in the clear.
	TLS *tls.ConnectionState
	// ClientVerify is the result of checking the client's certificate:
	// "NONE", "SUCCESS" or "FAILED:reason" ($ssl_client_verify).
	ClientVerify string
	// Listener is the index of the listener that accepted it.
	Listener int
	// Received and Sent count raw bytes.
	Received, Sent uint64
	// Proto is the protocol spoken: "http/1.1", "h2" …
	Proto string

	peerText, localText string
}

// OnUnix says that the connection came over the unix socket at path, which
// has no addresses: the peer's text is "unix:" then, ours "unix:" and the path.
func (f *Flow) OnUnix(path string) { f.peerText, f.localText = "unix:", "unix:"+path }

// PeerText is the peer's address without port, made once per connection.
func (f *Flow) PeerText() string {
	if f.peerText == "" && f.Peer.IsValid() {
		f.peerText = f.Peer.Addr().Unmap().String()
	}
	return f.peerText
}

// LocalText is the local address without port, made once per connection.
func (f *Flow) LocalText() string {
	if f.localText == "" && f.Local.IsValid() {
		f.localText = f.Local.Addr().Unmap().String()
	}
	return f.localText
}
