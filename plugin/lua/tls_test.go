package lua

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/dns/dnstest"
)

// authority signs certificates of tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // of its PEM
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// below is an authority that a vouches for.
func (a *authority) below(t testing.TB) *authority {
	t.Helper()
	b := newAuthority(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "below"}, NotBefore: b.cert.NotBefore,
		NotAfter: b.cert.NotAfter, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, a.cert, &b.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	b.cert, _ = x509.ParseCertificate(der)
	return b
}

// issue gives a certificate for a.test that ends at until; self: signed by itself.
func (a *authority) issue(t testing.TB, until time.Time, self bool) (c tls.Certificate, certPEM, keyPEM string) {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{"a.test"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent, signer := a.cert, a.key
	if self {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := x509.MarshalECPrivateKey(key)
	certPEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	keyPEM = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: k}))
	if c, err = tls.X509KeyPair([]byte(certPEM), []byte(keyPEM)); err != nil {
		t.Fatal(err)
	}
	return c, certPEM, keyPEM
}

// secureEcho answers each line with "resumed, SNI, client's certificate".
func secureEcho(t testing.TB, config *tls.Config) int {
	return portOf(serve(t, "tcp", func(c net.Conn) {
		s := tls.Server(c, config)
		defer s.Close()
		b := make([]byte, 4096)
		for {
			n, err := s.Read(b)
			if err != nil {
				return
			}
			st := s.ConnectionState()
			_, _ = fmt.Fprintf(s, "%s %v %s %d\n", strings.TrimSpace(string(b[:n])), st.DidResume, st.ServerName, len(st.PeerCertificates))
		}
	}))
}

func TestTLSSockets(t *testing.T) {
	ca := newAuthority(t)
	later := time.Now().Add(time.Hour)
	good, certPEM, keyPEM := ca.issue(t, later, false)
	expired, _, _ := ca.issue(t, time.Now().Add(-time.Hour), false)
	self, _, _ := ca.issue(t, later, true)
	one := ca.below(t)
	two := one.below(t)
	deep, _, _ := one.issue(t, later, false)
	deep.Certificate = append(deep.Certificate, one.cert.Raw)
	deeper, _, _ := two.issue(t, later, false)
	deeper.Certificate = append(deeper.Certificate, two.cert.Raw, one.cert.Raw)
	clientCAs := x509.NewCertPool()
	clientCAs.AddCert(ca.cert)
	ports := strings.NewReplacer(
		"GOOD", fmt.Sprint(secureEcho(t, &tls.Config{Certificates: []tls.Certificate{good}})),
		"OLD", fmt.Sprint(secureEcho(t, &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12})),
		"DEEPER", fmt.Sprint(secureEcho(t, &tls.Config{Certificates: []tls.Certificate{deeper}})),
		"DEEP", fmt.Sprint(secureEcho(t, &tls.Config{Certificates: []tls.Certificate{deep}})),
		"EXPIRED", fmt.Sprint(secureEcho(t, &tls.Config{Certificates: []tls.Certificate{expired}})),
		"SELF", fmt.Sprint(secureEcho(t, &tls.Config{Certificates: []tls.Certificate{self}})),
		"MUTUAL", fmt.Sprint(secureEcho(t, &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clientCAs})),
		"PLAIN", fmt.Sprint(portOf(serve(t, "tcp", echo))),
		"SILENT", fmt.Sprint(portOf(serve(t, "tcp", func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<20)); time.Sleep(300 * time.Millisecond) }))))
	body := ports.Replace(`local function conn(port, ms) local s = ngx.socket.tcp() s:settimeout(ms or 1000) assert(s:connect("127.0.0.1", port, { pool = "p" .. port })) return s end
		local s = conn(GOOD) local session = s:sslhandshake(nil, "a.test", true) say(type(session)) s:send("x") say(s:receive()) s:close()
		for _, port in ipairs { GOOD, OLD } do s = conn(port) session = s:sslhandshake(session, "a.test", true) s:send("first") s:receive() s:close()
			s = conn(port) say(type(s:sslhandshake(session, "a.test", true))) s:send("again") say(s:receive()) s:close() end
		s = conn(GOOD) say(s:sslhandshake(false, "a.test", false)) s:send("kept") s:receive() say(s:setkeepalive())
		s = conn(GOOD) say(s:getreusedtimes(), s:sslhandshake(false, "a.test", false)) s:send("z") say(s:receive()) s:close()
		s = conn(GOOD) say(s:sslhandshake(nil, "other.test", true)) say(s:send("x"))
		s = conn(GOOD) say(type(s:sslhandshake(nil, nil, true))) s:send("noname") say(s:receive()) s:close()
		s = conn(EXPIRED) say(s:sslhandshake(nil, "a.test", true)) s = conn(SELF) say(s:sslhandshake(nil, "a.test", true))
		s = conn(SELF) say(type(s:sslhandshake(nil, "a.test", false)))
		s = conn(PLAIN) say(s:sslhandshake(nil, "a.test", false)) s = conn(SILENT, 50) say(s:sslhandshake(nil, "a.test", false))
		local ssl = require "ngx.ssl" s = conn(MUTUAL) say(s:setclientcert(ssl.parse_pem_cert(CERT), ssl.parse_pem_priv_key(KEY))) s:sslhandshake(nil, "a.test", true) s:send("m") say(s:receive())
		say(conn(GOOD):setclientcert(ssl.parse_pem_cert(CERT), nil))
		s = conn(MUTUAL) s:sslhandshake(nil, "a.test", true) s:send("m") say(s:receive())
		say(ngx.socket.tcp():sslhandshake())
		s = conn(DEEP) say(type(s:sslhandshake(nil, "a.test", true))) s = conn(DEEPER) say(s:sslhandshake(nil, "a.test", true))`)
	body = strings.NewReplacer("CERT", fmt.Sprintf("%q", certPEM), "KEY", fmt.Sprintf("%q", keyPEM)).Replace(body)
	s := live(t, Options{}, "function P:access() "+body+" end")
	s.gw.Settings = func(name string) any {
		if name == "lua_ssl_trusted_certificate" {
			return []any{ca.file}
		}
		if name == "lua_ssl_verify_depth" {
			return 1.0
		}
		return nil
	}
	got, _ := s.run()
	s.idle()
	expect(t, got, `cdata
x false a.test 0
cdata
again true a.test 0
cdata
again true a.test 0
true
1
1 true
z false a.test 0
nil certificate host mismatch
nil closed
cdata
noname false  0
nil 10: certificate has expired
nil 18: self-signed certificate
cdata
nil handshake failed
nil timeout
true
m false a.test 1
nil client certificate and private key must be supplied both or neither
nil closed 
nil closed
cdata
nil 22: certificate chain too long`)
}

func TestNamesOverDNS(t *testing.T) {
	port := portOf(serve(t, "tcp", echo))
	name, err := dnstest.Start("broken.test SERVFAIL\nup.test A 60 127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { name.Close() })
	s := live(t, Options{}, fmt.Sprintf(`function P:access() local function try(host) local s = ngx.socket.tcp() s:settimeout(2000) say(s:connect(host, %d)) end try("up.test") try("up.test") try("absent.test") try("broken.test") end`, port))
	r, err := dns.New(dns.Options{Servers: []netip.AddrPort{name.Addr}, ResolvConf: "/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	s.gw.Resolver = r
	got, _ := s.run()
	expect(t, got, "1\n1\nnil [cosocket] DNS resolution failed: dns server error: 3 name error\nnil [cosocket] DNS resolution failed: dns server error: 2 server failure")
	s.idle()
}

// A request that ends while it resolves, connects or shakes hands leaves nothing behind.
func TestRequestEndsWhileItConnects(t *testing.T) {
	var accepted atomic.Int32
	port := portOf(serve(t, "tcp", func(c net.Conn) { accepted.Add(1); _, _ = c.Read(make([]byte, 1<<16)); _, _ = c.Read(make([]byte, 1)) }))
	name, err := dnstest.Start("slow.test TIMEOUT\nbroken.test SERVFAIL\nup.test A 60 127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { name.Close() })
	for what, body := range map[string]string{
		"handshake": fmt.Sprintf(`local s = ngx.socket.tcp() s:connect("127.0.0.1", %d) s:sslhandshake(nil, "a.test", false)`, port),
		"receive":   fmt.Sprintf(`local s = ngx.socket.tcp() s:connect("127.0.0.1", %d) s:receive()`, port),
		"send":      fmt.Sprintf(`local s = ngx.socket.tcp() s:connect("127.0.0.1", %d) while true do s:send(("x"):rep(1000000)) end`, port),
		"connect":   `local s = ngx.socket.tcp() s:connect("192.0.2.1", 80)`,
		"resolve":   `local s = ngx.socket.tcp() s:connect("slow.test", 80)`,
		"udp":       `local u = ngx.socket.udp() u:setpeername("127.0.0.1", 9) u:receive()`,
	} {
		t.Run(what, func(t *testing.T) {
			s := live(t, Options{}, "function P:access() "+body+" end")
			r, err := dns.New(dns.Options{Servers: []netip.AddrPort{name.Addr}, ResolvConf: "/dev/null"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.Close)
			s.gw.Resolver = r
			k, _ := s.begin()
			time.Sleep(30 * time.Millisecond)
			s.on(func() { s.end(k) })
			s.idle()
			s.on(func() {
				if n := len(s.vm().sockets.all); n != 0 {
					t.Errorf("%d sockets remain", n)
				}
			})
		})
	}
}
