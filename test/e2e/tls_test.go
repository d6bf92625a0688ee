package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate called name, by itself where parent is nil.
func issue(t *testing.T, name string, parent *issued, authority bool) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<60))
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IsCA: authority, BasicConstraintsValid: true}
	signer, signKey := c, key
	if parent != nil {
		signer, signKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, signer, &key.PublicKey, signKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert, key}
}

// shake does a handshake with the TLS listener and one request.
func (g *h2gibbon) shake(c *tls.Config) (state tls.ConnectionState, answer string, err error) {
	c.InsecureSkipVerify = true
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", g.secure, c)
	if err != nil {
		return state, "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(conn) // with TLS 1.3 the ticket comes behind the handshake
	return conn.ConnectionState(), string(b), err
}

func fine(t *testing.T) string {
	return upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "fine") }))
}

// TestTLSSuites: what each ssl_cipher_suite, and a custom one, offers.
func TestTLSSuites(t *testing.T) {
	up := fine(t)
	for _, k := range []struct {
		env      []string
		versions string // that work, of 1.0 to 1.3
		ciphers  map[uint16]bool
	}{
		{[]string{"KONG_SSL_CIPHER_SUITE=modern"}, "3", nil},
		{nil, "23", map[uint16]bool{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: true,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: false}},
		{[]string{"KONG_SSL_CIPHER_SUITE=old"}, "0123", map[uint16]bool{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: true}},
		{[]string{"KONG_SSL_CIPHER_SUITE=custom", "KONG_SSL_CIPHERS=ECDHE-ECDSA-AES256-GCM-SHA384", "KONG_SSL_PROTOCOLS=TLSv1.2"}, "2",
			map[uint16]bool{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: true, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: false}},
	} {
		root := issue(t, "a.test", nil, false)
		g := startH2(t, everythingTo(up), append(k.env, writePair(t, root)...)...)
		for i, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
			_, answer, err := g.shake(&tls.Config{MinVersion: v, MaxVersion: v})
			if want := strings.Contains(k.versions, fmt.Sprint(i)); (err == nil) != want || want && !strings.HasSuffix(answer, "fine") {
				t.Errorf("%v, TLS 1.%d: %v %q", k.env, i, err, answer)
			}
		}
		for c, want := range k.ciphers {
			if _, _, err := g.shake(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{c}}); (err == nil) != want {
				t.Errorf("%v, %s: %v", k.env, tls.CipherSuiteName(c), err)
			}
		}
	}
}

// writePair gives the settings of a default certificate.
func writePair(t *testing.T, i *issued) []string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"KONG_SSL_CERT=" + writePEM(t, "CERTIFICATE", i.cert.Raw), "KONG_SSL_CERT_KEY=" + writePEM(t, "PRIVATE KEY", key)}
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTLSSessions: sessions are resumed across reloads, under the same server name, for as long as ssl_session_timeout says,
// and not where settings or plugins forbid it.
func TestTLSSessions(t *testing.T) {
	up := fine(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := func(cache tls.ClientSessionCache, name string) *tls.Config {
			return &tls.Config{MinVersion: version, MaxVersion: version, ClientSessionCache: oneSession{cache}, ServerName: name}
		}
		resumes := func(t *testing.T, g *h2gibbon, between func(), second string) bool {
			t.Helper()
			cache := tls.NewLRUClientSessionCache(1)
			if s, _, err := g.shake(config(cache, "a.test")); err != nil || s.DidResume {
				t.Fatalf("%v, resumed %t", err, s.DidResume)
			}
			if between != nil {
				between()
			}
			s, answer, err := g.shake(config(cache, second))
			if err != nil || !strings.HasSuffix(answer, "fine") {
				t.Errorf("%v %q", err, answer)
			}
			return s.DidResume
		}
		t.Run(tls.VersionName(version), func(t *testing.T) {
			g := startH2(t, everythingTo(up), "KONG_SSL_SESSION_TIMEOUT=4s")
			if !resumes(t, g, nil, "a.test") {
				t.Error("not resumed")
			}
			if resumes(t, g, nil, "b.test") {
				t.Error("resumed under another name")
			}
			if !resumes(t, g, func() {
				g.configure(t, everythingTo(up, "    tags: [b]\n"))
				_ = g.Signal(syscall.SIGHUP)
				time.Sleep(500 * time.Millisecond)
			}, "a.test") {
				t.Error("not resumed after a reload")
			}
			if resumes(t, g, func() { time.Sleep(4500 * time.Millisecond) }, "a.test") {
				t.Error("resumed after ssl_session_timeout")
			}
			g = startH2(t, everythingTo(up), "KONG_SSL_SESSION_TICKETS=off")
			if resumes(t, g, nil, "a.test") {
				t.Error("resumed without tickets")
			}
			g = startH2(t, everythingTo(up)+"\nplugins:\n- name: pre-function\n  config: {certificate: ['kong.client.tls.disable_session_reuse()']}\n")
			if resumes(t, g, nil, "a.test") {
				t.Error("resumed though a plugin forbids it")
			}
		})
	}
}

// oneSession is a cache that offers its session under every name.
type oneSession struct{ tls.ClientSessionCache }

func (o oneSession) Get(string) (*tls.ClientSessionState, bool) { return o.ClientSessionCache.Get("") }
func (o oneSession) Put(_ string, s *tls.ClientSessionState)    { o.ClientSessionCache.Put("", s) }

// TestTLSClientCertificates: nginx's settings about clients' certificates.
func TestTLSClientCertificates(t *testing.T) {
	up := fine(t)
	root := issue(t, "root", nil, true)
	between := issue(t, "between", root, true)
	lower := issue(t, "lower", between, true)
	chain := func(list ...*issued) *tls.Certificate {
		c := &tls.Certificate{PrivateKey: list[0].key}
		for _, i := range list {
			c.Certificate = append(c.Certificate, i.cert.Raw)
		}
		return c
	}
	direct, deep, deeper := chain(issue(t, "c", root, false)), chain(issue(t, "c", between, false), between), chain(issue(t, "c", lower, false), lower, between)
	foreign := chain(issue(t, "c", issue(t, "other", nil, true), false))
	ca := "KONG_NGINX_PROXY_SSL_CLIENT_CERTIFICATE=" + writePEM(t, "CERTIFICATE", root.cert.Raw)
	const verify, depth = "KONG_NGINX_PROXY_SSL_VERIFY_CLIENT=", "KONG_NGINX_PROXY_SSL_VERIFY_DEPTH="
	const good, bad, none = "fine", "The SSL certificate error", "No required SSL certificate was sent"
	for _, k := range []struct {
		env                                    []string
		nothing, direct, deep, deeper, foreign string
	}{
		{[]string{verify + "on"}, none, good, good, bad, bad},
		{[]string{verify + "on", depth + "0"}, none, good, bad, bad, bad},
		{[]string{verify + "on", depth + "2"}, none, good, good, good, bad},
		{[]string{verify + "optional"}, good, good, good, bad, bad},
		{[]string{verify + "optional_no_ca"}, good, good, good, good, good},
		{[]string{verify + "off"}, good, good, good, good, good},
	} {
		g := startH2(t, everythingTo(up), append(k.env, ca)...)
		for name, c := range map[string]struct {
			cert *tls.Certificate
			want string
		}{"nothing": {nil, k.nothing}, "direct": {direct, k.direct}, "deep": {deep, k.deep}, "deeper": {deeper, k.deeper}, "foreign": {foreign, k.foreign}} {
			config := &tls.Config{}
			if c.cert != nil {
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.cert, nil }
			}
			if _, answer, err := g.shake(config); err != nil || !strings.Contains(answer, c.want) {
				t.Errorf("%v, %s: %v %.300q, want %q", k.env, name, err, answer, c.want)
			}
		}
	}
}
