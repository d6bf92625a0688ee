package golden

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"
)

// Certificates are made when first named and live as long as the process.
//
//	ca, ca2, client_ca            authorities, CN = "Golden " + name
//	a.test,*.b.test               a leaf of ca, CN = the first name, all as alternative names
//	FLAVOUR:names                 deep: with an intermediate; self: self-signed; expired:; rsa:;
//	                              ca2: and client: from those authorities
type cert struct {
	leaf  *x509.Certificate
	key   crypto.Signer
	chain [][]byte // DER, leaf first, without the root
}

var made = struct {
	sync.Mutex
	m map[string]*cert
}{m: map[string]*cert{}}

func certificate(name string) *cert {
	made.Lock()
	defer made.Unlock()
	return makeCert(name)
}

func makeCert(name string) *cert {
	if c := made.m[name]; c != nil {
		return c
	}
	flavour, names, ok := strings.Cut(name, ":")
	if !ok {
		flavour, names = "", name
	}
	t, issuer := template(name, flavour, names)
	c := &cert{}
	var err error
	if flavour == "rsa" {
		c.key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	check(err)
	parent, signer := t, c.key
	if issuer != nil {
		parent, signer = issuer.leaf, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, c.key.Public(), signer)
	check(err)
	c.leaf, err = x509.ParseCertificate(der)
	check(err)
	c.chain = [][]byte{der}
	if flavour == "deep" {
		c.chain = append(c.chain, issuer.chain...)
	}
	made.m[name] = c
	return c
}

// template is the certificate to sign and who signs it; nil: it signs itself.
func template(name, flavour, names string) (t *x509.Certificate, issuer *cert) {
	sum := sha256.Sum256([]byte(name))
	now := time.Now()
	t = &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(append([]byte{1}, sum[:8]...)),
		NotBefore:    now.Add(-48 * time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
		BasicConstraintsValid: true,
	}
	if name == "ca" || name == "ca2" || name == "client_ca" || flavour == "intermediate" {
		t.Subject = pkix.Name{CommonName: "Golden " + names, Organization: []string{"Golden"}}
		t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		if flavour == "intermediate" {
			t.Subject.CommonName += " intermediate"
			issuer = makeCert(names)
		}
		return t, issuer
	}
	hosts := strings.Split(names, ",")
	t.Subject = pkix.Name{CommonName: hosts[0], Organization: []string{"Golden"}}
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	if flavour == "expired" {
		t.NotAfter = now.Add(-24 * time.Hour)
	}
	switch flavour {
	case "self":
		return t, nil
	case "ca2":
		return t, makeCert("ca2")
	case "client":
		return t, makeCert("client_ca")
	case "deep":
		return t, makeCert("intermediate:ca")
	}
	return t, makeCert("ca")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func (c *cert) pair() *tls.Certificate {
	return &tls.Certificate{Certificate: c.chain, PrivateKey: c.key}
}

func (c *cert) pem(kind string) string {
	var b bytes.Buffer
	if kind == "key" {
		der, err := x509.MarshalPKCS8PrivateKey(c.key)
		check(err)
		pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
		return b.String()
	}
	for _, der := range c.chain {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return b.String()
}

var certPlaceholder = regexp.MustCompile(`\{\{(cert|key)(file)?:([^}\s]+)\}\}`)

// expandCerts puts `{{cert:NAME}}` and `{{key:NAME}}` in as PEM with \n escapes (for a quoted string of
// YAML, JSON or Lua), and `{{certfile:NAME}}`, `{{keyfile:NAME}}` as the path of such a file under dir.
func expandCerts(b []byte, dir string) []byte {
	return certPlaceholder.ReplaceAllFunc(b, func(p []byte) []byte {
		m := certPlaceholder.FindSubmatch(p)
		kind, name := string(m[1]), string(m[3])
		text := certificate(name).pem(kind)
		if len(m[2]) == 0 {
			return []byte(strings.ReplaceAll(text, "\n", `\n`))
		}
		path := filepath.Join(dir, "certs", strings.NewReplacer(":", "_", ",", "_", "*", "_").Replace(name)+"."+kind)
		check(os.MkdirAll(filepath.Dir(path), 0o755))
		check(os.WriteFile(path, []byte(text), 0o644))
		return []byte(path)
	})
}

// hideCerts puts the placeholders back where a record shows PEM text.
func hideCerts(s string) string {
	if !strings.Contains(s, "BEGIN") {
		return s
	}
	made.Lock()
	defer made.Unlock()
	var names []string
	for name := range made.m {
		names = append(names, name)
	}
	// a chain before the certificates it is made of
	sort.Slice(names, func(i, j int) bool { return len(made.m[names[i]].chain) > len(made.m[names[j]].chain) })
	for _, name := range names {
		c := made.m[name]
		for _, kind := range []string{"cert", "key"} {
			text := c.pem(kind)
			for _, form := range []string{text, strings.TrimSpace(text)} {
				for _, v := range []string{form, strings.ReplaceAll(form, "\n", `\n`), strings.ReplaceAll(form, "\n", `\010`),
					url.QueryEscape(form), url.PathEscape(form), strings.ReplaceAll(form, "\n", "\n\t")} {
					s = strings.ReplaceAll(s, v, "{{"+kind+":"+name+"}}")
				}
			}
		}
	}
	return s
}

// describe says what a client saw of the gateway's handshake.
func describe(st tls.ConnectionState, asked *tls.CertificateRequestInfo) string {
	var b strings.Builder
	c := st.PeerCertificates[0]
	fmt.Fprintf(&b, "certificate CN=%s\n", c.Subject.CommonName)
	fmt.Fprintf(&b, "names: %s\n", strings.Join(c.DNSNames, ", "))
	fmt.Fprintf(&b, "issuer: CN=%s\n", c.Issuer.CommonName)
	fmt.Fprintf(&b, "chain: %d\n", len(st.PeerCertificates))
	fmt.Fprintf(&b, "protocol: %s\n", tls.VersionName(st.Version))
	fmt.Fprintf(&b, "alpn: %s\n", st.NegotiatedProtocol)
	if asked == nil {
		fmt.Fprintf(&b, "client certificate: not asked\n")
	} else {
		fmt.Fprintf(&b, "client certificate: asked\n")
		for _, raw := range asked.AcceptableCAs {
			var rdn pkix.RDNSequence
			var n pkix.Name
			if _, err := asn1.Unmarshal(raw, &rdn); err == nil {
				n.FillFromRDNSequence(&rdn)
			}
			fmt.Fprintf(&b, "acceptable: CN=%s\n", n.CommonName)
		}
	}
	return b.String()
}
