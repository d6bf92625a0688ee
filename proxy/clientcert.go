package proxy

import (
	"crypto/tls"
	"crypto/x509"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// ClientCertificates says whether clients are asked for a certificate by
// settings (nginx's ssl_verify_client and ssl_client_certificate).
type ClientCertificates struct {
	// Verify is "", "off", "on", "optional" or "optional_no_ca".
	Verify string
	// Authorities that certificates must come from.
	Authorities *x509.CertPool
	// Depth bounds the authorities between a certificate and one of those (nginx's ssl_verify_depth).
	Depth int
}

// Asked says whether clients are asked at all.
func (c *ClientCertificates) Asked() bool { return c.Verify != "" && c.Verify != "off" }

// judge is $ssl_client_verify: by the authorities that the client was told of
// by a certificate handler, else by those of the settings.
func (c *clientConn) judge(state *tls.ConnectionState) string {
	if c.authorities != nil {
		return snapshot.VerifyClient(state, c.authorities, -1)
	}
	o := &c.w.srv.Options.ClientCertificates
	return snapshot.VerifyClient(state, o.Authorities, o.Depth)
}

// certificateTrouble is what nginx tells a client whose certificate does not
// do, "" where it does.
func (r *request) certificateTrouble() string {
	o := &r.w.srv.Options.ClientCertificates
	t := r.Flow.TLS
	if !o.Asked() || t == nil || o.Verify == "optional_no_ca" {
		return ""
	}
	switch {
	case len(t.PeerCertificates) == 0 && o.Verify == "on":
		return "No required SSL certificate was sent"
	case len(t.PeerCertificates) > 0 && r.Flow.ClientVerify != "SUCCESS":
		return "The SSL certificate error"
	}
	return ""
}

// failPage answers 400 with nginx's page for trouble below HTTP.
func (r *request) failPage(text string) {
	r.keep = false
	r.Status, r.Source = 400, message.SourceError
	_ = r.Set(&r.Response, "Content-Type", "text/html")
	r.ownBody([]byte(errorpage.BareText(400, text)))
	r.step = stepHeaderFilter
}

// looksLikeHTTP says whether the bytes where a TLS record was expected are the
// beginning of a request line.
func looksLikeHTTP(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != ' ' && c != '/' {
			return false
		}
	}
	return len(b) > 0
}

// plainOnTLS tells a client that speaks in the clear where TLS is expected.
func (c *clientConn) plainOnTLS(fd int) {
	peer, local := c.flow.Peer, c.flow.Local
	if err := c.Open(c.w.Loop, fd, c); err != nil {
		_ = unix.Close(fd)
		return
	}
	c.start(peer, local)
	c.timer.Off()
	c.state = clientBusy
	r, err := c.w.beginRefused(c, nil, 0, nil)
	if err != nil {
		c.close()
		return
	}
	r.failPage("The plain HTTP request was sent to HTTPS port")
	r.serve()
}
