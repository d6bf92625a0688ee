package gateway

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/engine/vault"
	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/proxy"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
)

// nodeID is the node's UUID: the setting, else the one kept in the prefix,
// which is made with the first start.
func nodeID(c *conf.Config) string {
	if c.NodeID != "" {
		return c.NodeID
	}
	file := c.Prefix + "/kong.id"
	if b, err := os.ReadFile(file); err == nil {
		if id, err := uuid.ParseBytes([]byte(strings.TrimSpace(string(b)))); err == nil {
			return id.String()
		}
	}
	id := uuid.NewString()
	_ = os.WriteFile(file, []byte(id), 0o600)
	return id
}

// settingsView gives plugins the settings, secrets left out.
func settingsView(c *conf.Config) func(string) any { return c.Raw }

// trustedView tests addresses against trusted_ips (kong.ip.is_trusted).
func trustedView(c *conf.Config) func(string) bool {
	list := c.Client.TrustedIPs
	return func(s string) bool {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return s == "unix:" && c.Client.TrustedUnix
		}
		a = a.Unmap()
		for _, p := range list {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
}

// newSecrets resolves references in configurations. find looks stored vaults up.
func newSecrets(c *conf.Config, find func(prefix string) (vault.Vault, bool)) *vault.Resolver {
	return vault.New(vault.Options{Defaults: map[string]map[string]string{"env": {"prefix": c.Plugins.VaultEnvPrefix}}, Find: find})
}

// findVault is the stored vault of a prefix.
func (k *catalog) findVault(prefix string) (vault.Vault, bool) {
	store := k.vaults.Load()
	if store == nil {
		return vault.Vault{}, false
	}
	r, ok := store.Entities("vaults").By("prefix", prefix)
	if !ok {
		return vault.Vault{}, false
	}
	v := vault.Vault{Prefix: prefix, Options: map[string]string{}}
	v.Kind, _ = r["name"].(string)
	options, _ := r["config"].(map[string]any)
	for name, value := range options {
		if value != nil && !schema.IsNull(value) {
			v.Options[name] = fmt.Sprint(value)
		}
	}
	return v, true
}

// secret is the value of one reference.
func (k *catalog) secret(reference string) (string, error) {
	v, err := k.secrets.Resolve(reference)
	if err != nil {
		k.log.Warnf("error updating secret reference %s: %v", reference, err)
		return "", nil
	}
	return v, nil
}

// checkRegexPath refuses route paths whose regex the router could not compile.
func checkRegexPath(c *conf.Config) func(string) error {
	return func(pattern string) error {
		route := &entity.Route{ID: "path", Protocols: []string{"http"}, Paths: []string{"~" + strings.TrimPrefix(pattern, "~")}, PathHandling: "v0"}
		_, problems := router.Build(flavor(c), []*entity.Route{route}, nil)
		for _, p := range problems {
			return p.Err
		}
		return nil
	}
}

// tlsDefaults are the settings' part of TLS.
func (n *node) tlsDefaults() (snapshot.TLSDefaults, error) {
	d := snapshot.TLSDefaults{MinVersion: minVersion(n.conf.Upstream.TLSProtocols), MaxVersion: maxVersion(n.conf.Upstream.TLSProtocols)}
	for _, a := range slices.Concat(n.conf.Listen.Proxy, n.conf.Listen.Stream) {
		if !a.TLS {
			continue
		}
		pairs, err := loadPairs(n.conf, n.conf.TLS.Proxy, "")
		if err != nil {
			return d, fmt.Errorf("ssl_cert: %w", err)
		}
		d.Certificates = pairs
		break
	}
	if p := n.conf.TLS.Client; p != nil {
		pairs, err := loadPairs(n.conf, []conf.KeyPair{*p}, "")
		if err != nil {
			return d, fmt.Errorf("client_ssl_cert: %w", err)
		}
		d.Client = &pairs[0]
	}
	roots, err := trustedRoots(n.conf.Upstream.TrustedCertificates)
	if err != nil {
		return d, fmt.Errorf("lua_ssl_trusted_certificate: %w", err)
	}
	d.Roots = roots
	return d, nil
}

// trustedRoots reads authorities: paths, PEM texts, or "system".
func trustedRoots(list []string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, s := range list {
		if s == "system" {
			sys, err := x509.SystemCertPool()
			if err != nil {
				return nil, err
			}
			pool = sys
			continue
		}
		text, err := pem(s)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: no certificate in it", s)
		}
	}
	if len(list) == 0 {
		return x509.SystemCertPool()
	}
	return pool, nil
}

// clientCertificates are the settings nginx_proxy_ssl_verify_client and
// nginx_proxy_ssl_client_certificate.
func clientCertificates(c *conf.Config) (proxy.ClientCertificates, error) {
	cc := proxy.ClientCertificates{Verify: c.TLS.VerifyClient, Depth: c.TLS.VerifyDepth}
	if c.TLS.ClientCAs == "" || !cc.Asked() {
		return cc, nil
	}
	roots, err := trustedRoots([]string{c.TLS.ClientCAs})
	if err != nil {
		return cc, fmt.Errorf("nginx_proxy_ssl_client_certificate: %w", err)
	}
	cc.Authorities = roots
	return cc, nil
}
