package snapshot

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// TLSDefaults are the parts of TLS that settings give.
type TLSDefaults struct {
	// Certificates are served when no server name matches: one per kind of key.
	Certificates []tls.Certificate
	// Client is shown to upstreams whose service names none, nil for none.
	Client *tls.Certificate
	// Roots verify upstreams (lua_ssl_trusted_certificate); nil = the system's.
	Roots *x509.CertPool
	// Verify checks upstreams of services that do not say.
	Verify bool
	// MinVersion and MaxVersion towards upstreams, 0 = crypto/tls's.
	MinVersion, MaxVersion uint16
}

// Certificates finds certificates by server name.
type Certificates struct {
	exact map[string][]tls.Certificate
	// wildcards: "*.example.com" by ".example.com", "example.*" by "example."
	prefix, suffix map[string][]tls.Certificate
	byID           map[string][]tls.Certificate
	authorities    map[string]*x509.Certificate
	// defaults are for clients that name no server, star for names that match nothing else.
	defaults, star []tls.Certificate
	client         *tls.Certificate
	roots          *x509.CertPool
	verify         bool
	min, max       uint16

	mu      sync.Mutex
	configs map[string]*tls.Config
}

// certificates builds the table of server names.
func (b *Builder) certificates(s *Snapshot) {
	c := &Certificates{
		exact: map[string][]tls.Certificate{}, prefix: map[string][]tls.Certificate{}, suffix: map[string][]tls.Certificate{},
		byID: map[string][]tls.Certificate{}, authorities: map[string]*x509.Certificate{},
		defaults: b.TLS.Certificates, client: b.TLS.Client, roots: b.TLS.Roots, verify: b.TLS.Verify,
		min: b.TLS.MinVersion, max: b.TLS.MaxVersion, configs: map[string]*tls.Config{},
	}
	s.Certificates = c
	each(b, s, "certificates", func(v *entity.Certificate) {
		pairs, err := pairsOf(v)
		if err != nil {
			s.Problems = append(s.Problems, Problem{Kind: "certificates", ID: v.ID, Err: err})
			return
		}
		c.byID[v.ID] = pairs
	})
	each(b, s, "snis", func(v *entity.SNI) {
		pairs, ok := c.byID[v.Certificate.ID]
		if !ok {
			return
		}
		name := strings.ToLower(v.Name)
		switch {
		case name == "*":
			c.star = pairs
		case strings.HasPrefix(name, "*."):
			c.suffix[name[1:]] = pairs
		case strings.HasSuffix(name, ".*"):
			c.prefix[name[:len(name)-1]] = pairs
		default:
			c.exact[name] = pairs
		}
	})
	each(b, s, "ca_certificates", func(v *entity.CACertificate) {
		cert, err := parseCertificate(v.Cert)
		if err != nil {
			s.Problems = append(s.Problems, Problem{Kind: "ca_certificates", ID: v.ID, Err: err})
			return
		}
		c.authorities[v.ID] = cert
	})
}

func pairsOf(v *entity.Certificate) ([]tls.Certificate, error) {
	first, err := tls.X509KeyPair([]byte(v.Cert), []byte(v.Key))
	if err != nil {
		return nil, fmt.Errorf("cert and key: %w", err)
	}
	pairs := []tls.Certificate{first}
	if v.CertAlt != "" {
		alt, err := tls.X509KeyPair([]byte(v.CertAlt), []byte(v.KeyAlt))
		if err != nil {
			return nil, fmt.Errorf("cert_alt and key_alt: %w", err)
		}
		pairs = append(pairs, alt)
	}
	return pairs, nil
}

// For gives the certificates to choose from for a server name: an exact name,
// then a wildcard at the front, then one at the end, then the default.
func (c *Certificates) For(name string) []tls.Certificate {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if p, ok := c.exact[name]; ok {
		return p
	}
	if k := strings.IndexByte(name, '.'); k > 0 {
		if p, ok := c.suffix[name[k:]]; ok {
			return p
		}
	}
	if k := strings.LastIndexByte(name, '.'); k > 0 {
		if p, ok := c.prefix[name[:k+1]]; ok {
			return p
		}
	}
	if name != "" && c.star != nil {
		return c.star
	}
	return c.defaults
}

// Choose answers a ClientHello: the first certificate that the client supports.
func (c *Certificates) Choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	list := c.For(hello.ServerName)
	for i := range list {
		if hello.SupportsCertificate(&list[i]) == nil {
			return &list[i], nil
		}
	}
	if len(list) > 0 {
		return &list[0], nil
	}
	return nil, errors.New("no certificate for this server name, and no default one")
}

// ClientTLS is the configuration of connections to a service's upstream under
// the name sni, and a key that is equal for equal parameters. u is the upstream
// entity in use, nil for none; o what plugins want, nil for nothing.
func (s *Snapshot) ClientTLS(svc *entity.Service, u *entity.Upstream, sni string, o *pdk.BalanceTLS) (key string, config *tls.Config) {
	c := s.Certificates
	if o == nil {
		o = new(pdk.BalanceTLS)
	}
	own := svc.ClientCertificate.ID
	if own == "" && u != nil {
		own = u.ClientCertificate.ID
	}
	key = clientKey(svc, own, sni, o)
	c.mu.Lock()
	defer c.mu.Unlock()
	if cfg := c.configs[key]; cfg != nil {
		return key, cfg
	}
	cfg := c.clientConfig(svc, own, sni, o)
	if len(c.configs) >= maxConfigs {
		clear(c.configs)
	}
	c.configs[key] = cfg
	return key, cfg
}

// maxConfigs bounds the remembered client configurations.
const maxConfigs = 4096

func clientKey(svc *entity.Service, certificate, sni string, o *pdk.BalanceTLS) string {
	verify := "?"
	if v := svc.TLSVerify; v != nil {
		verify = fmt.Sprint(*v)
	}
	if o.Verify != nil {
		verify = fmt.Sprint(*o.Verify)
	}
	depth := -1
	if svc.TLSVerifyDepth != nil {
		depth = *svc.TLSVerifyDepth
	}
	if o.VerifyDepth != nil {
		depth = *o.VerifyDepth
	}
	key := sni + "|" + verify + "|" + fmt.Sprint(depth) + "|" + certificate + "|" + strings.Join(svc.CACertificates, ",")
	if o.CertificatePEM != "" || o.AuthoritiesPEM != "" {
		sum := sha256.Sum256([]byte(o.CertificatePEM + "\x00" + o.KeyPEM + "\x00" + o.AuthoritiesPEM))
		key += "|" + hex.EncodeToString(sum[:])
	}
	return key
}

func (c *Certificates) clientConfig(svc *entity.Service, certificate, sni string, o *pdk.BalanceTLS) *tls.Config {
	cfg := &tls.Config{ServerName: sni, RootCAs: c.roots, MinVersion: c.min, MaxVersion: c.max,
		ClientSessionCache: tls.NewLRUClientSessionCache(32)}
	verify := c.verify
	if svc.TLSVerify != nil {
		verify = *svc.TLSVerify
	}
	if o.Verify != nil {
		verify = *o.Verify
	}
	cfg.InsecureSkipVerify = !verify
	if pool := c.pool(svc, o); pool != nil {
		cfg.RootCAs = pool
	}
	if depth := depthOf(svc, o); verify && depth >= 0 {
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			for _, chain := range cs.VerifiedChains {
				if len(chain)-2 <= depth {
					return nil
				}
			}
			return fmt.Errorf("certificate chain is longer than tls_verify_depth %d", depth)
		}
	}
	switch {
	case o.CertificatePEM != "":
		if pair, err := tls.X509KeyPair([]byte(o.CertificatePEM), []byte(o.KeyPEM)); err == nil {
			cfg.Certificates = []tls.Certificate{pair}
		}
	case certificate != "":
		cfg.Certificates = c.byID[certificate]
	case c.client != nil:
		cfg.Certificates = []tls.Certificate{*c.client}
	}
	return cfg
}

func depthOf(svc *entity.Service, o *pdk.BalanceTLS) int {
	switch {
	case o.VerifyDepth != nil:
		return *o.VerifyDepth
	case svc.TLSVerifyDepth != nil:
		return *svc.TLSVerifyDepth
	}
	return -1
}

// pool holds the authorities that the service or a plugin names, nil for none.
func (c *Certificates) pool(svc *entity.Service, o *pdk.BalanceTLS) *x509.CertPool {
	if o.AuthoritiesPEM != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(o.AuthoritiesPEM))
		return pool
	}
	if len(svc.CACertificates) == 0 {
		return nil
	}
	pool := x509.NewCertPool()
	for _, id := range svc.CACertificates {
		if a := c.authorities[id]; a != nil {
			pool.AddCert(a)
		}
	}
	return pool
}

// parseCertificate reads the first certificate of a PEM text.
func parseCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("cert: no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}

// VerifyClient is $ssl_client_verify of a finished handshake: a certificate is
// asked for without being required, so it is judged here against the
// authorities that were named, if any. depth bounds the authorities between the
// certificate and one of those, -1 = not at all.
func VerifyClient(state *tls.ConnectionState, authorities *x509.CertPool, depth int) string {
	if len(state.PeerCertificates) == 0 {
		return "NONE"
	}
	if authorities == nil {
		return "FAILED:unable to verify the first certificate"
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	o := x509.VerifyOptions{Roots: authorities, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	chains, err := state.PeerCertificates[0].Verify(o)
	if err != nil {
		return "FAILED:unable to get local issuer certificate"
	}
	for _, chain := range chains {
		if depth < 0 || len(chain)-2 <= depth {
			return "SUCCESS"
		}
	}
	return "FAILED:certificate chain too long"
}
