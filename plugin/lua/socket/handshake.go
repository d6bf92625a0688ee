package socket

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/tlsconn"
)

// Handshake says how TLS begins on a connection.
type Handshake struct {
	// ServerName is sent as SNI and, with Verify, has to stand in the certificate; "" = neither.
	ServerName string
	Verify     bool
	// Roots are the authorities with Verify.
	Roots *Roots
	// Depth bounds the authorities between the certificate and one of Roots, -1 = not at all (lua_ssl_verify_depth).
	Depth int
	// CertificatePEM and KeyPEM are shown when the server asks, "" = none.
	CertificatePEM, KeyPEM string
	// Resume is a session of an earlier connection, nil = none.
	Resume *Session
	// Timeout in ns.
	Timeout int64
}

// Session is what a later handshake with the same server can resume.
type Session struct {
	mu    sync.Mutex
	state *tls.ClientSessionState
}

// resumption gives one Session to crypto/tls and keeps new tickets in another.
type resumption struct{ old, next *Session }

// Get implements tls.ClientSessionCache.
func (r resumption) Get(string) (*tls.ClientSessionState, bool) {
	if r.old == nil {
		return nil, false
	}
	r.old.mu.Lock()
	defer r.old.mu.Unlock()
	return r.old.state, r.old.state != nil
}

// Put implements tls.ClientSessionCache.
func (r resumption) Put(_ string, s *tls.ClientSessionState) {
	r.next.mu.Lock()
	r.next.state = s
	r.next.mu.Unlock()
}

// Shake begins TLS on c. done gets the session to resume, or an error text;
// after an error c is closed.
func (c *Conn) Shake(h Handshake, done func(*Session, string)) {
	next := &Session{}
	if h.Resume != nil { // in TLS 1.2 a ticket may serve again without a new one
		h.Resume.mu.Lock()
		next.state = h.Resume.state
		h.Resume.mu.Unlock()
	}
	config := &tls.Config{ServerName: h.ServerName, InsecureSkipVerify: true, ClientSessionCache: resumption{h.Resume, next}}
	if h.Verify {
		config.VerifyConnection = func(s tls.ConnectionState) error { return h.verify(s) }
	}
	if h.CertificatePEM != "" {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.X509KeyPair([]byte(h.CertificatePEM), []byte(h.KeyPEM))
			return &cert, err
		}
	}
	prefix := append([]byte(nil), c.buf[c.at:]...)
	c.buf, c.at = nil, 0
	fd := c.conn.Detach()
	c.shaking = true
	o := tlsconn.Options{Timeout: time.Duration(h.Timeout), Prefix: prefix}
	c.l.Handed()
	tlsconn.Client(fd, config, o, func(s *tlsconn.Session, err error) {
		c.l.Post(func() { c.shaken(fd, s, err, next, done) })
	})
}

// shaken takes the socket back. Loop.
func (c *Conn) shaken(fd int, s *tlsconn.Session, err error, next *Session, done func(*Session, string)) {
	c.shaking = false
	if c.closed { // meanwhile
		_ = unix.Close(fd)
		done(nil, Closed)
		return
	}
	if err == nil {
		if err = c.conn.Open(c.l, fd, c); err == nil {
			s.Attach(&c.conn)
			c.secure = true
			done(next, "")
			return
		}
	}
	_ = unix.Close(fd)
	c.Close()
	done(nil, handshakeText(err))
}

func handshakeText(err error) string {
	var v verifyError
	var t interface{ Timeout() bool }
	switch {
	case errors.As(err, &v):
		return string(v)
	case errors.As(err, &t) && t.Timeout():
		return Timeout
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
		return Closed
	}
	return "handshake failed"
}

// verifyError is why a certificate is refused, in OpenSSL's words.
type verifyError string

func (e verifyError) Error() string { return string(e) }

func (h *Handshake) verify(s tls.ConnectionState) error {
	leaf := s.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	roots, err := h.Roots.pool()
	if err != nil {
		return verifyError("lua_ssl_trusted_certificate: " + err.Error())
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return verifyError(verifyText(err, s.PeerCertificates))
	}
	if h.Depth >= 0 && !slices.ContainsFunc(chains, func(c []*x509.Certificate) bool { return len(c)-2 <= h.Depth }) {
		return verifyError("22: certificate chain too long")
	}
	if h.ServerName != "" && leaf.VerifyHostname(h.ServerName) != nil {
		return verifyError("certificate host mismatch")
	}
	return nil
}

func verifyText(err error, chain []*x509.Certificate) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	selfSigned := func(c *x509.Certificate) bool { return string(c.RawIssuer) == string(c.RawSubject) }
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().Before(chain[0].NotBefore):
		return "9: certificate is not yet valid"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "10: certificate has expired"
	case errors.As(err, &unknown) && selfSigned(chain[0]):
		return "18: self-signed certificate"
	case errors.As(err, &unknown) && selfSigned(chain[len(chain)-1]):
		return "19: self-signed certificate in certificate chain"
	case errors.As(err, &unknown):
		return "20: unable to get local issuer certificate"
	}
	return "certificate verify error: " + err.Error()
}
