package pdk

import (
	"crypto/tls"
	"crypto/x509"
)

// Handshake is the TLS handshake with a client while its certificate phase
// runs: what the client offered, and what plugins decide. Kong.Handshake is
// nil in every other phase.
type Handshake struct {
	// ServerName is the name that the client asks for, "" for none.
	ServerName string
	// Versions that the client supports.
	Versions []uint16
	// Hello is all of what the client offered; nil for L4 sessions, whose
	// ClientHello the gateway reads itself. It may not be changed.
	Hello *tls.ClientHelloInfo
	// MinVersion and MaxVersion narrow the listener's versions; 0 leaves them.
	MinVersion, MaxVersion uint16
	// Certificates are served instead of those for the name, when not empty.
	Certificates []tls.Certificate
	// RequestCertificate asks the client for a certificate; Authorities are
	// named to it (none: any), and it is not verified against them here.
	RequestCertificate bool
	Authorities        *x509.CertPool
	// NoSessionReuse keeps the session from being resumed.
	NoSessionReuse bool
	// NoHTTP2 leaves HTTP/2 out of ALPN.
	NoHTTP2 bool

	chain, key []byte // PEM, until both are there
}

// SetCertificate serves this chain (PEM) once its key is set, too.
func (h *Handshake) SetCertificate(chain []byte) error {
	h.chain = chain
	return h.pair()
}

// SetKey is the private key (PEM) of the chain.
func (h *Handshake) SetKey(key []byte) error {
	h.key = key
	return h.pair()
}

func (h *Handshake) pair() error {
	if h.chain == nil || h.key == nil {
		return nil
	}
	c, err := tls.X509KeyPair(h.chain, h.key)
	h.chain, h.key = nil, nil
	if err != nil {
		return err
	}
	h.Certificates = append(h.Certificates, c)
	return nil
}

// Clear forgets the certificates that were set.
func (h *Handshake) Clear() { h.Certificates, h.chain, h.key = nil, nil, nil }
