package golden

import (
	"crypto/tls"
	"strconv"
	"strings"
	"time"
)

// options are the words of a step's N.options file: `tls sni=a.test repeat=10`.
type options map[string]string

func parseOptions(b []byte) options {
	o := options{}
	for _, w := range strings.Fields(string(b)) {
		k, v, _ := strings.Cut(w, "=")
		o[k] = v
	}
	return o
}

func (o options) has(words ...string) bool {
	for _, w := range words {
		if _, ok := o[w]; ok {
			return true
		}
	}
	return false
}

func (o options) get(word, otherwise string) string {
	if v := o[word]; v != "" {
		return v
	}
	return otherwise
}

func (o options) number(word string, otherwise int) int {
	if n, err := strconv.Atoi(o[word]); err == nil {
		return n
	}
	return otherwise
}

func (o options) duration(word string) time.Duration {
	d, _ := time.ParseDuration(o[word])
	return d
}

// secure says whether the client talks TLS: told so, or by a word that only makes sense with it.
func (o options) secure() bool {
	return o.has("tls", "mtls", "showcert", "h2") && !o.has("h2c")
}

var tlsVersions = map[string]uint16{
	"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// clientTLS is how the client of a step shakes hands.
func (o options) clientTLS() *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, ServerName: o.get("sni", "localhost")}
	if c.ServerName == "-" {
		c.ServerName = ""
	}
	if a := o["alpn"]; a != "" {
		c.NextProtos = strings.Split(a, ",")
	} else if o.has("h2") {
		c.NextProtos = []string{"h2"}
	}
	if v := o["version"]; v != "" {
		c.MinVersion, c.MaxVersion = tlsVersions[v], tlsVersions[v]
	}
	if o.has("rsa") { // only ciphers that need a certificate of that kind
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	}
	if o.has("ecdsa") {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	}
	if o.has("mtls") {
		c.Certificates = []tls.Certificate{*certificate(o.get("mtls", "client:client.test")).pair()}
	}
	return c
}
