package gateway

import (
	"crypto/tls"
	"strings"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

// serverTLS is the configuration of a TLS listener; certificates come from the
// snapshot at the time of the handshake.
func (n *node) serverTLS(a conf.Address) *tls.Config {
	protos := []string{"http/1.1"}
	if a.HTTP2 {
		protos = []string{"h2", "http/1.1"}
	}
	low, high, ciphers := suite(&n.conf.TLS, n.log.Warnf)
	c := &tls.Config{
		MinVersion: low, MaxVersion: high, CipherSuites: ciphers,
		NextProtos:             protos,
		SessionTicketsDisabled: !n.conf.TLS.SessionTickets,
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return n.server.Snapshot().Certificates.Choose(h)
		},
	}
	if cc := &n.server.Options.ClientCertificates; cc.Asked() {
		c.ClientAuth, c.ClientCAs = tls.RequestClientCert, cc.Authorities
	}
	if n.conf.TLS.SessionTickets {
		limitTickets(c, &n.ticketKeys, n.conf.TLS.SessionTimeout)
	}
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { return n.server.ServerConfig(c, h) }
	return c
}

// suite gives versions and ciphers of ssl_cipher_suite (Mozilla's sets of
// those names): ssl_protocols and ssl_ciphers count where it is custom. What
// crypto/tls does not have is warned about by name.
func suite(t *conf.TLS, warn func(string, ...any)) (low, high uint16, ciphers []uint16) {
	switch t.CipherSuite {
	case "modern":
		return tls.VersionTLS13, tls.VersionTLS13, nil
	case "intermediate", "fips":
		return tls.VersionTLS12, tls.VersionTLS13, forwardSecret
	case "old":
		for _, c := range tls.CipherSuites() {
			ciphers = append(ciphers, c.ID)
		}
		for _, c := range tls.InsecureCipherSuites() {
			if !strings.Contains(c.Name, "RC4") {
				ciphers = append(ciphers, c.ID)
			}
		}
		return tls.VersionTLS10, tls.VersionTLS13, ciphers
	}
	for _, name := range strings.Split(t.Ciphers, ":") {
		if name = strings.TrimSpace(name); name == "" || strings.HasPrefix(name, "TLS_") {
			continue // TLS 1.3 ciphers cannot be chosen
		}
		if id, ok := openSSLNames[name]; ok {
			ciphers = append(ciphers, id)
		} else {
			warn("ssl_ciphers: %s is not supported and left out", name)
		}
	}
	return minVersion(t.Protocols), maxVersion(t.Protocols), ciphers
}

// forwardSecret are the ciphers of TLS 1.2 that intermediate allows; its DHE
// ones are not in crypto/tls.
var forwardSecret = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// openSSLNames are the ciphers that crypto/tls has, by OpenSSL's names.
var openSSLNames = map[string]uint16{
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256": tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384": tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305": tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-SHA": tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA": tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA": tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ECDHE-RSA-AES256-SHA": tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"ECDHE-ECDSA-AES128-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256": tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"AES128-GCM-SHA256": tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "AES256-GCM-SHA384": tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"AES128-SHA256": tls.TLS_RSA_WITH_AES_128_CBC_SHA256, "AES128-SHA": tls.TLS_RSA_WITH_AES_128_CBC_SHA, "AES256-SHA": tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	"DES-CBC3-SHA": tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
}

var tlsVersions = map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

func minVersion(names []string) uint16 {
	v := uint16(tls.VersionTLS13)
	for _, n := range names {
		v = min(v, tlsVersions[n])
	}
	if len(names) == 0 {
		return tls.VersionTLS12
	}
	return v
}

func maxVersion(names []string) uint16 {
	v := uint16(0)
	for _, n := range names {
		v = max(v, tlsVersions[n])
	}
	return v
}
