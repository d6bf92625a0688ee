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

	// texts are PeerText, LocalText and "https" in a row, of which peerLen and
	// localLen bytes are the first two's.
	texts             string
	peerLen, localLen uint8
}

// OnUnix says that the connection came over the unix socket at path (at most
// 107 bytes), which has no addresses: the peer's text is "unix:" then, ours
// "unix:" and the path.
func (f *Flow) OnUnix(path string) { f.setTexts("unix:", "unix:"+path) }

func (f *Flow) setTexts(peer, local string) {
	f.texts, f.peerLen, f.localLen = peer+local+"https", uint8(len(peer)), uint8(len(local))
}

// makeTexts makes the texts once per connection.
func (f *Flow) makeTexts() {
	if f.texts != "" {
		return
	}
	text := func(a netip.AddrPort) string {
		if !a.IsValid() {
			return ""
		}
		return a.Addr().Unmap().String()
	}
	f.setTexts(text(f.Peer), text(f.Local))
}

// PeerText is the peer's address without port.
func (f *Flow) PeerText() string {
	f.makeTexts()
	return f.texts[:f.peerLen]
}

// LocalText is the local address without port.
func (f *Flow) LocalText() string {
	f.makeTexts()
	return f.texts[f.peerLen:][:f.localLen]
}

// Identify takes the texts of the flow into s, and the scheme.
func (f *Flow) Identify(s *Shared) (peer, local, scheme Str) {
	f.makeTexts()
	all, err := s.PutString(f.texts)
	if err != nil {
		return
	}
	peer = Str{all.Off, uint32(f.peerLen)}
	local = Str{peer.Off + peer.Len, uint32(f.localLen)}
	scheme = Str{local.Off + local.Len, uint32(len("http"))}
	if f.TLS != nil {
		scheme.Len = uint32(len("https"))
	}
	return
}
