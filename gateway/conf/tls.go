package conf

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"
)

// tls reads certificates and the switches of TLS listeners.
func (b *builder) tls() {
	t := &b.c.TLS
	l := &b.c.Listen
	t.Proxy = b.pairs("ssl_cert", append(append([]Address(nil), l.Proxy...), l.Stream...))
	t.Admin = b.pairs("admin_ssl_cert", l.Admin)
	t.Status = b.pairs("status_ssl_cert", l.Status)
	t.Manager = b.pairs("admin_gui_ssl_cert", l.Manager)
	if b.on("client_ssl") {
		cert, key := b.text("client_ssl_cert"), b.text("client_ssl_cert_key")
		switch {
		case cert == "":
			b.fail("client_ssl_cert must be specified, since client_ssl is on")
		case key == "":
			b.fail("client_ssl_cert_key must be specified, since client_ssl is on")
		default:
			t.Client = &KeyPair{cert, key}
		}
	}
	t.Protocols = b.tlsVersions("ssl_protocols")
	t.CipherSuite = b.text("ssl_cipher_suite")
	t.Ciphers = b.text("ssl_ciphers")
	switch t.CipherSuite {
	case "modern", "intermediate", "old", "fips", "custom":
	default:
		b.fail("ssl_cipher_suite: unknown suite '%s', expected modern, intermediate, old, fips or custom", t.CipherSuite)
	}
	if t.PreferServerCiphers = b.on("ssl_prefer_server_ciphers"); !t.PreferServerCiphers {
		b.warn("ssl_prefer_server_ciphers", "off has no effect, since the TLS library orders the ciphers itself")
	}
	t.DHParam = b.text("ssl_dhparam")
	t.SessionTickets = b.on("ssl_session_tickets")
	t.SessionTimeout = b.nginxTime("ssl_session_timeout")
	t.SessionCacheSize = b.size("ssl_session_cache_size")
	t.VerifyClient, t.VerifyDepth = "off", 1
}

// pairs are the certificates of setting with the keys of setting_key. Without
// a TLS listener they are not looked at.
func (b *builder) pairs(setting string, on []Address) []KeyPair {
	certs, keys := b.list(setting), b.list(setting+"_key")
	used := false
	for _, a := range on {
		used = used || a.TLS
	}
	switch {
	case !used:
		return nil
	case len(certs) > 0 && len(keys) == 0:
		b.fail("%s_key must be specified", setting)
	case len(keys) > 0 && len(certs) == 0:
		b.fail("%s must be specified", setting)
	case len(certs) != len(keys):
		b.fail("%s has %d entries and %s_key %d: each certificate needs its key", setting, len(certs), setting, len(keys))
	}
	if len(certs) != len(keys) {
		return nil
	}
	out := make([]KeyPair, len(certs))
	for i := range certs {
		out[i] = KeyPair{certs[i], keys[i]}
	}
	return out
}

// tlsVersions reads a list of TLS versions, separated by blanks.
func (b *builder) tlsVersions(setting string) []string {
	var out []string
	for _, v := range strings.Fields(b.text(setting)) {
		switch v {
		case "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3":
			out = append(out, v)
		case "SSLv2", "SSLv3":
			b.warn(setting, "%s is not supported and left out", v)
		default:
			b.fail("%s: unknown version '%s', expected TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3", setting, v)
		}
	}
	return out
}

// nginxTime is a setting with nginx's time syntax.
func (b *builder) nginxTime(name string) time.Duration {
	if b.values[name].Unset {
		return 0
	}
	v, err := ParseTime(b.text(name))
	if err != nil {
		b.fail("%s: %s", name, err)
	}
	return v
}

// PEM is the text of a certificate or key that is given as a path or inline.
func PEM(value string) ([]byte, error) {
	if strings.Contains(value, "-----BEGIN ") {
		return []byte(value), nil
	}
	return os.ReadFile(value)
}

// Load reads the pair and checks that the key is the certificate's.
func (p KeyPair) Load() (tls.Certificate, error) {
	cert, err := PEM(p.Cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("failed loading certificate from %w", err)
	}
	key, err := PEM(p.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("failed loading key from %w", err)
	}
	return tls.X509KeyPair(cert, key)
}

// CheckFiles reads the certificates that the settings name, as a start does
// and `check` does not. The error names the setting.
func (c *Config) CheckFiles() error {
	for _, k := range []struct {
		setting string
		pairs   []KeyPair
	}{{"ssl_cert", c.TLS.Proxy}, {"admin_ssl_cert", c.TLS.Admin}, {"status_ssl_cert", c.TLS.Status}, {"admin_gui_ssl_cert", c.TLS.Manager}} {
		for _, p := range k.pairs {
			if _, err := p.Load(); err != nil {
				return fmt.Errorf("%s: %w", k.setting, err)
			}
		}
	}
	if p := c.TLS.Client; p != nil {
		if _, err := p.Load(); err != nil {
			return fmt.Errorf("client_ssl_cert: %w", err)
		}
	}
	for _, t := range c.Upstream.TrustedCertificates {
		if t == "system" {
			continue
		}
		if _, err := PEM(t); err != nil {
			return fmt.Errorf("lua_ssl_trusted_certificate: no such file at %w", err)
		}
	}
	return nil
}
