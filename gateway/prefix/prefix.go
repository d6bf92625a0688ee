package prefix

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

// Prepare makes what a gateway needs in its prefix and is not there yet: the
// folders logs, pids, sockets, ssl and client_body_temp, default certificates for TLS listeners
// that have none, and the copy of the settings (conf.Config.WriteEnv). created
// says that the prefix itself was made.
func Prepare(c *conf.Config) (created bool, err error) {
	if _, err := os.Stat(c.Prefix); err != nil {
		if err := os.MkdirAll(c.Prefix, 0o755); err != nil {
			return false, fmt.Errorf("mkdir failed for '%s': %w", c.Prefix, err)
		}
		created = true
	}
	for _, d := range []string{"logs", "pids", "sockets", "ssl"} {
		if err := os.MkdirAll(filepath.Join(c.Prefix, d), 0o755); err != nil {
			return created, fmt.Errorf("mkdir failed for '%s': %w", filepath.Join(c.Prefix, d), err)
		}
	}
	if err := os.MkdirAll(c.SpoolDir(), 0o700); err != nil { // other users must not read bodies
		return created, fmt.Errorf("mkdir failed for '%s': %w", c.SpoolDir(), err)
	}
	for _, l := range []struct {
		name  string
		given []conf.KeyPair
		on    [][]conf.Address
	}{
		{"", c.TLS.Proxy, [][]conf.Address{c.Listen.Proxy, c.Listen.Stream}},
		{"admin", c.TLS.Admin, [][]conf.Address{c.Listen.Admin}},
		{"status", c.TLS.Status, [][]conf.Address{c.Listen.Status}},
		{"admin-gui", c.TLS.Manager, [][]conf.Address{c.Listen.Manager}},
	} {
		if len(l.given) == 0 && anyTLS(l.on) {
			if err := makePair(DefaultPair(c, l.name)); err != nil {
				return created, fmt.Errorf("could not make a default certificate: %w", err)
			}
		}
	}
	return created, c.WriteEnv()
}

func anyTLS(lists [][]conf.Address) bool {
	for _, list := range lists {
		for _, a := range list {
			if a.TLS {
				return true
			}
		}
	}
	return false
}

// DefaultPair is where the generated certificate and key stand: of the proxy
// and stream listeners with an empty name, else of admin, status or admin-gui.
func DefaultPair(c *conf.Config, name string) conf.KeyPair {
	if name != "" {
		name += "-"
	}
	base := filepath.Join(c.Prefix, "ssl", name+"kong-default-ecdsa")
	return conf.KeyPair{Cert: base + ".crt", Key: base + ".key"}
}

// makePair writes a self-signed certificate for localhost and its key, unless a pair that fits together is there.
func makePair(p conf.KeyPair) error {
	if _, err := p.Load(); err == nil {
		return nil
	}
	cert, key, err := SelfSigned("localhost", 20*365*24*time.Hour)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.Key, key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(p.Cert, cert, 0o644)
}

// SelfSigned makes a self-signed EC certificate and its key as PEM texts.
func SelfSigned(commonName string, valid time.Duration) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(valid),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
