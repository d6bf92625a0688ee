package pdk

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/phase"
)

// Client is kong.client: who sent the request.
type Client struct{ k *Kong }

// IP is the address of the connection's other end.
func (c *Client) IP() string { return c.k.X.View(c.k.X.RealRemoteAddr) }

// Port of the connection's other end.
func (c *Client) Port() int { return int(c.k.X.RealRemotePort) }

// ForwardedIP is the client's address as real_ip_header gives it, when the
// connection comes from trusted_ips; else IP.
func (c *Client) ForwardedIP() string { return c.k.X.View(c.k.X.RemoteAddr) }

// ForwardedPort belongs to ForwardedIP; 0 when the header named none.
func (c *Client) ForwardedPort() int { return int(c.k.X.RemotePort) }

// Consumer who was authenticated, nil without one.
func (c *Client) Consumer() dao.Record { return c.k.consumer }

// Credential that was used, nil without one.
func (c *Client) Credential() dao.Record { return c.k.credential }

// errNobody refuses Authenticate(nil, nil).
var errNobody = errors.New("either credential or consumer must be provided")

// Authenticate makes consumer and credential those of the request; one may be
// nil. It sends nothing to the service: plugins/shared does.
func (c *Client) Authenticate(consumer, credential dao.Record) error {
	if err := c.k.in(phase.Access); err != nil {
		return err
	}
	if consumer == nil && credential == nil {
		return errNobody
	}
	c.k.consumer, c.k.credential = consumer, credential
	return nil
}

// Forget takes the consumer and the credential of the request away.
func (c *Client) Forget() error {
	if err := c.k.in(phase.Access); err != nil {
		return err
	}
	c.k.consumer, c.k.credential = nil, nil
	return nil
}

// errNotUUID refuses what cannot be an id.
var errNotUUID = errors.New("cannot load a consumer with an id that is not a uuid")

// LoadConsumer finds a consumer by id or, if byUsername, by id and then by
// username; nil if there is none. It does not authenticate.
func (c *Client) LoadConsumer(id string, byUsername bool) (dao.Record, error) {
	consumers := c.k.Entities("consumers")
	isID := isUUID(id)
	if !isID && !byUsername {
		return nil, errNotUUID
	}
	if isID {
		if r, ok := consumers.Get(id); ok {
			return r, nil
		}
	}
	if byUsername {
		if r, ok := consumers.By("username", id); ok {
			return r, nil
		}
	}
	return nil, nil
}

// isUUID says whether s has the shape of a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if hexOf(s[i]) < 0 {
			return false
		}
	}
	return true
}

// errNoRoute is Protocol's answer before and without a route.
var errNoRoute = errors.New("No active route found")

// Protocol that the client spoke, in the route's words: the route's only
// protocol, else http or https by the connection. allowTerminated
// lets X-Forwarded-Proto of a trusted client decide.
func (c *Client) Protocol(allowTerminated bool) (string, error) {
	route := c.k.Router.Route
	if route == nil {
		return "", errNoRoute
	}
	if len(route.Protocols) == 1 {
		return route.Protocols[0], nil
	}
	if c.k.Stream != nil {
		return c.k.StreamProtocol(), nil
	}
	secure := c.k.X.View(c.k.X.Scheme) == "https"
	if allowTerminated && !secure && c.k.Request.trusted() {
		if n := c.k.Request.HeaderCount("X-Forwarded-Proto"); n > 1 {
			return "", errors.New("Only one X-Forwarded-Proto header allowed")
		}
		secure = strings.EqualFold(c.k.Request.Header("X-Forwarded-Proto"), "https")
	}
	if secure { // of a route for grpc and grpcs, too, as recorded
		return "https", nil
	}
	return "http", nil
}

// errNotTLS is CertificateChain's answer on a connection in the clear.
var errNotTLS = errors.New("connection is not TLS or TLS support for Nginx not enabled")

// CertificateChain is the client's certificate chain, PEM, its own first; ""
// if it showed none.
func (c *Client) CertificateChain() (string, error) {
	tls := c.k.X.Flow.TLS
	if tls == nil {
		return "", errNotTLS
	}
	return pemChain(tls.PeerCertificates), nil
}

func pemChain(chain []*x509.Certificate) string {
	var b strings.Builder
	for _, cert := range chain {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return b.String()
}

// SetVerify overrides the result of checking the client's certificate:
// SUCCESS, NONE or FAILED:reason.
func (c *Client) SetVerify(result string) error {
	if err := c.k.in(phasesToBalancer | phase.Response); err != nil {
		return err
	}
	if result != "SUCCESS" && result != "NONE" && !strings.HasPrefix(result, "FAILED:") {
		return fmt.Errorf(`unknown client verify value: %s accepted values are: "SUCCESS", "NONE" or "FAILED:<reason>"`, result)
	}
	c.k.clientVerify = result
	return nil
}
