package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// certificate writes what every TLS engine serves into the bench's folder, once: tls.crt and tls.key, and both in tls.pem.
func (b *bench) certificate() error {
	path := filepath.Join(b.dir, "tls.")
	if _, err := os.Stat(path + "pem"); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, text := range map[string][]byte{"crt": crt, "key": secret, "pem": append(append([]byte(nil), crt...), secret...)} {
		if err := os.WriteFile(path+name, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func gibbonTLS(b *bench, conf string, port int) (env, command []string) {
	env, command = gibbon(b, conf, port)
	return append(env, fmt.Sprintf("KONG_PROXY_LISTEN=%s ssl backlog=4096", process.Loopback(port)),
		"KONG_SSL_CERT="+filepath.Join(b.dir, "tls.crt"), "KONG_SSL_CERT_KEY="+filepath.Join(b.dir, "tls.key")), command
}
