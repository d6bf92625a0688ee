package lua

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// preludeX509 has the modules and a maker of certificates.
const preludeX509 = `local x509, name, store, csr, crl, revoked, altname, extension, extensions, objects, pkey, bn = require "resty.openssl.x509", require "resty.openssl.x509.name", require "resty.openssl.x509.store",
			require "resty.openssl.x509.csr", require "resty.openssl.x509.crl", require "resty.openssl.x509.revoked", require "resty.openssl.x509.altname", require "resty.openssl.x509.extension", require "resty.openssl.x509.extensions",
			require "resty.openssl.objects", require "resty.openssl.pkey", require "resty.openssl.bn"
		local dist_points, info_access = require "resty.openssl.x509.extension.dist_points", require "resty.openssl.x509.extension.info_access"
		local function cert(cn, issuer, key, signer, more)
			local c = x509.new() c:set_version(3) c:set_serial_number(bn.new(4711)) c:set_lifetime(ngx.time() - 10, ngx.time() + 3600) c:set_subject_name(name.new():add("CN", cn)) c:set_issuer_name(name.new():add("CN", issuer)) c:set_pubkey(key)
			if more then more(c) end assert(c:sign(signer)) return c
		end `

// What Lua writes into certificates, requests and revocation lists is what Go reads in them.
func TestOpenSSLExtensionsAreWritten(t *testing.T) {
	got := inAccess(t, preludeX509+`local key = pkey.new { type = "EC" }
		local c = cert("a.test", "a.test", key, key, function(c)
			local names = altname.new():add("dns", "a.test"):add("DNSName", "b.test, DNS:evil"):add("IP", "10.0.0.1"):add("ipaddress", "2001:db8::1"):add("RFC822", "x@y.test"):add("URI", "https://u.test/")
			assert(c:set_subject_alt_name(names)) assert(c:set_subject_alt_name(names:add("DirName", name.new():add("CN", "dir"))))
			assert(c:set_basic_constraints { cA = true, pathLen = 3 }) assert(c:set_basic_constraints_critical(true))
			assert(c:add_extension(extension.new("keyUsage", "critical,keyCertSign,cRLSign"))) assert(c:add_extension("extendedKeyUsage", "serverAuth,clientAuth"))
			assert(c:add_extension(extension.new("subjectKeyIdentifier", "hash", { subject = c }))) assert(c:add_extension(extension.new("authorityKeyIdentifier", "keyid", { issuer = c })))
			assert(c:add_extension(extension.new("certificatePolicies", "1.2.3.4,@pol", "[pol]\npolicyIdentifier = 1.3.5.8\n"))) assert(c:add_extension(extension.from_der("\4\1x", "1.2.3.4.5", true)))
			assert(c:set_info_access(info_access.new():add("OCSP", "URI", "http://ocsp.test/"):add("caIssuers", "URI", "http://ca.test/ca.crt")))
			local points = dist_points.new() points:add(altname.new():add("URI", "http://crl.test/1")) points:add(altname.new():add("URI", "http://crl.test/2")) assert(c:set_crl_distribution_points(points))
			assert(c:set_issuer_alt_name({ { "email", "i@a.test" } })) assert(c:set_extension(extension.new("extendedKeyUsage", "serverAuth")))
		end)
		say(ngx.encode_base64(c:tostring("DER")))
		local r = csr.new() r:set_subject_name(name.new():add("CN", "r")) r:set_pubkey(key) r:set_version(1) assert(r:set_subject_alt_name({ { "DNS", "old.test" } })) assert(r:add_extension("keyUsage", "digitalSignature"))
		assert(r:set_subject_alt_name(altname.new():add("DNS", "r.test"):add("IP", "127.0.0.1"))) assert(r:set_subject_alt_name_critical(true)) assert(r:sign(key)) say(ngx.encode_base64(r:tostring("DER")))
		local l = crl.new() l:set_version(2) l:set_issuer_name(c:get_subject_name()) l:set_last_update(ngx.time() - 5) l:set_next_update(ngx.time() + 60) assert(l:add_revoked(revoked.new(4711, ngx.time(), 1))) assert(l:add_revoked(revoked.new(bn.new(5), 1000, 4)))
		assert(l:add_extension(extension.from_der("\2\1\7", "crlNumber"))) assert(l:add_extension(extension.new("authorityKeyIdentifier", "keyid", { issuer = c }))) assert(l:sign(key)) say(ngx.encode_base64(l:tostring("DER")))
		say(objects.obj2table(c:get_extension("keyUsage"):get_object()).ln, c:get_extension("subjectKeyIdentifier"):text() == c:get_extension("authorityKeyIdentifier"):text():gsub("^keyid:", ""):gsub("%s+$", ""))`)
	lines := strings.Split(got, "\n")
	if len(lines) != 4 {
		t.Fatal(got)
	}
	der := func(i int) []byte {
		b, err := base64.StdEncoding.DecodeString(lines[i])
		if err != nil {
			t.Fatal(lines[i])
		}
		return b
	}
	c, err := x509.ParseCertificate(der(0))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, ok bool) {
		t.Helper()
		if !ok {
			t.Errorf("%s is not as it was written: %+v", what, c)
		}
	}
	check("dNSName", strings.Join(c.DNSNames, "|") == "a.test|b.test, DNS:evil")
	check("iPAddress", len(c.IPAddresses) == 2 && c.IPAddresses[0].Equal(net.ParseIP("10.0.0.1")) && c.IPAddresses[1].Equal(net.ParseIP("2001:db8::1")))
	check("rfc822Name and URI", strings.Join(c.EmailAddresses, "") == "x@y.test" && len(c.URIs) == 1 && c.URIs[0].String() == "https://u.test/")
	check("basicConstraints", c.IsCA && c.MaxPathLen == 3)
	check("key usages", c.KeyUsage == x509.KeyUsageCertSign|x509.KeyUsageCRLSign && len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageServerAuth)
	check("key identifiers", len(c.SubjectKeyId) == 20 && string(c.AuthorityKeyId) == string(c.SubjectKeyId))
	check("policies", len(c.PolicyIdentifiers) == 2)
	check("urls", strings.Join(c.OCSPServer, "") == "http://ocsp.test/" && strings.Join(c.IssuingCertificateURL, "") == "http://ca.test/ca.crt" && strings.Join(c.CRLDistributionPoints, " ") == "http://crl.test/1 http://crl.test/2")
	check("number of extensions", len(c.Extensions) == 11)
	critical := ""
	for _, e := range c.Extensions {
		if e.Critical {
			critical += e.Id.String() + " "
		}
	}
	check("critical flags", critical == "2.5.29.19 2.5.29.15 1.2.3.4.5 ")
	r, err := x509.ParseCertificateRequest(der(1))
	if err != nil || r.CheckSignature() != nil || strings.Join(r.DNSNames, "") != "r.test" || len(r.IPAddresses) != 1 || len(r.Extensions) != 2 || !r.Extensions[0].Critical {
		t.Errorf("the request is not as it was written: %+v, %v", r, err)
	}
	l, err := x509.ParseRevocationList(der(2))
	if err != nil || l.CheckSignatureFrom(c) != nil || len(l.RevokedCertificateEntries) != 2 || l.Number.Int64() != 7 || l.RevokedCertificateEntries[0].ReasonCode != 4 ||
		l.RevokedCertificateEntries[1].SerialNumber.Int64() != 4711 || l.NextUpdate.Sub(l.ThisUpdate) != 65*time.Second {
		t.Errorf("the revocation list is not as it was written: %+v, %v", l, err)
	}
	if lines[3] != "X509v3 Key Usage true" {
		t.Error(lines[3])
	}
}

// signedByGo is a certificate of Go with everything that is read, and a list that revokes it.
func signedByGo(t testing.TB) (certificate, list string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse("https://u.test/")
	template := &x509.Certificate{SerialNumber: big.NewInt(99), Subject: pkix.Name{CommonName: "go.test", Organization: []string{"o"}}, NotBefore: time.Unix(1000, 0), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"go.test"}, IPAddresses: []net.IP{net.ParseIP("10.0.0.1")}, URIs: []*url.URL{u}, EmailAddresses: []string{"a@go.test"}, IsCA: true, BasicConstraintsValid: true, MaxPathLen: 2,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, OCSPServer: []string{"http://ocsp.test/"}, IssuingCertificateURL: []string{"http://ca.test/"}, CRLDistributionPoints: []string{"http://crl.test/1", "http://crl.test/2"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	revocations, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(3), ThisUpdate: time.Unix(2000, 0), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(99), RevocationTime: time.Unix(3000, 0), ReasonCode: 1}}}, c, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: revocations}))
}

func TestOpenSSLExtensionsAreRead(t *testing.T) {
	certificate, list := signedByGo(t)
	got := inAccess(t, preludeX509+`local c, l = assert(x509.new [[`+certificate+`]]), assert(crl.new [[`+list+`]])
		local names = c:get_subject_alt_name() say(names:tostring(), #names, names:count(), names:index(2)) say(c:get_issuer_alt_name())
		say(c:get_basic_constraints("CA"), c:get_basic_constraints().pathlen, c:get_basic_constraints_critical(), c:get_subject_alt_name_critical())
		local info = c:get_info_access() say(#info, info[1][1], info[1][2], info[1][3], info[2][1]) local points = c:get_crl_distribution_points() say(#points, points[2]:tostring())
		say(c:get_ocsp_url(), #c:get_crl_url(true), c:get_crl_url()) local ext, at = c:get_extension("keyUsage") say(ext:text(), at, ext:get_extension_critical(), c:get_extension("keyUsage", at)) say(c:get_extension("nonsense"))
		say(c:get_extension("2.5.29.19"):text(), (c:get_extension("1.2.3.4")), #c:get_extensions())
		local again = assert(extension.from_data(names, "subjectAltName")) say(again:data() == c:get_extension("subjectAltName"):data(), assert(extension.from_data(info, "authorityInfoAccess")):data() == c:get_extension("authorityInfoAccess"):data(),
			assert(extension.from_data(points, 103)):data() == c:get_extension("crlDistributionPoints"):data()) say(extension.from_data({}, 85))
		say(l:get_issuer_name():tostring(), l:get_last_update(), l:get_next_update() > ngx.time(), l:get_version(), l:get_signature_name(), l:verify(c:get_pubkey()), l:revocation_of(c:get_serial_number()), l:revocation_of(bn.new(1)))
		say(l:get_extension("crlNumber"):text(), crl.istype(crl.dup(l)), crl.dup(l):to_PEM() == l:to_PEM(), assert(crl.new(l:tostring("DER"), "DER")):to_PEM() == l:to_PEM(), (crl.new("no")))
		local s = store.new() s:add(c) say(s:verify(c)) assert(s:add(l)) s:set_flags(store.verify_flags.X509_V_FLAG_CRL_CHECK) say(s:verify(c)) say(s:add({})) say(kong.service.set_tls_verify_store(s))
		say(altname.new():add("nope", "x")) say(altname.new():add("IP", "1.2.3")) say(altname.new():add("DirName", "x")) say(tostring(altname.new():add("dns", "2.test"):add("DNS", "3.test"))) say(altname.istype(names), altname.istype({}), altname.dup(names):count())
		say((select(2, extension.new("nope", "x")):match("[^:]+: %a+"))) say((select(2, extension.new("keyUsage", "nope")):match("[^:]+: %a+"))) say(extension.new("keyUsage")) say(extension.from_der("x", "no such")) say(tostring(extension.new("keyUsage", "critical,keyCertSign")))
		local e = extensions.new() say(e:add(extension.new("keyUsage", "keyCertSign")), #e, e[1]:text(), e:add(1)) say(objects.txt2nid("CN"), objects.nid2table(13).ln, objects.txt2nid("none"))
		say(revoked.new("x", 1, 1)) say(revoked.new(1, "x", 1)) say(c:get_subject_name()[1][1], c:get_subject_name():count(), #c:get_subject_name()) say(c:set_extension_critical("issuerAltName", true)) say(c:set_subject_alt_name(5))`)
	expect(t, got, `DNS=go.test/email=a@go.test/IP=10.0.0.1/URI=https://u.test/ 4 4 email a@go.test
nil
true 2 true false
2 178 URI http://ocsp.test/ 179
2 URI=http://crl.test/2
http://ocsp.test/ 2 http://crl.test/1
Certificate Sign, CRL Sign 1 true nil
nil nil x509:get_extension: invalid NID text "nonsense"
CA:TRUE, pathlen:2 nil 6
true true true
nil x509.extension.from_data: expect a table at #1, one of x509.altname, info_access, dist_points
O=o/CN=go.test 2000 true 2 ecdsa-with-SHA256 true 3000 nil
3 true true true nil
true
nil certificate revoked
nil x509.store:add: expect an x509 or crl instance at #1
nil the store has revocation lists, which are not looked at in connections to services: leave them out
nil x509.altname:add: unknown type nope
nil x509.altname:add: not an IP address: 1.2.3
nil x509.altname:add: expect a x509.name instance at #2
DNS=2.test/DNS=3.test
true false 4
x509.extension.new: error
x509.extension.new: error
nil x509.extension.new: expect string at #2
nil x509.extension.from_der: invalid NID or text "no such"
Certificate Sign
true 1 Certificate Sign nil x509.extensions:add: expect a x509.extension instance at #1
13 commonName nil objects.txt2nid: invalid NID text "none"
nil x509.revoked.new: expect a number or a bn instance at #1
nil x509.revoked.new: expect a number at #2
O 2 2
false x509:set_extension_critical: there is no such extension
false x509:set_subject_alt_name: expect a x509.altname instance`)
}

func TestOpenSSLPKCS12(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p12")
	expect(t, inAccess(t, preludeX509+`local pkcs12 = require "resty.openssl.pkcs12" local cak, key = pkey.new { type = "EC" }, pkey.new { type = "EC" } local ca = cert("ca", "ca", cak, cak) local c = cert("leaf", "ca", key, cak)
		local der = assert(pkcs12.encode({ key = key, cert = c, cacerts = { ca }, friendly_name = "me" }, "secret")) local f = assert(io.open("`+file+`", "wb")) f:write(der) f:close()
		local d = assert(pkcs12.decode(der, "secret")) say(d.key:to_PEM("private") == key:to_PEM("private"), d.cert == c, #d.cacerts, d.cacerts[1] == ca, d.friendly_name) say((pkcs12.decode(der, "wrong")), (pkcs12.decode(der)), (pkcs12.decode("x")))
		d = assert(pkcs12.decode(assert(pkcs12.encode({ key = key, cert = c, nid_key = "PBE-SHA1-3DES", nid_cert = "PBE-SHA1-3DES", iter = 10, mac_iter = 10 })))) say(#d.cacerts, d.cert == c)
		say(pkcs12.encode({ key = cak, cert = c })) say(pkcs12.encode({ key = key })) say(pkcs12.encode({ key = key, cert = c, iter = 1e12 })) say(pkcs12.encode({ key = key, cert = c, nid_key = "none" }))`),
		`true true 1 true me
nil nil nil
0 true
nil pkcs12.encode: the key does not belong to the certificate
nil pkcs12.encode: expect data.cert to be a x509 instance
nil pkcs12.encode: expect numbers of iterations from 1 to 1000000
nil pkcs12.encode: objects.txt2nid: invalid NID text "none"`)
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl to read what was written")
	}
	out, err := exec.Command(openssl, "pkcs12", "-in", file, "-passin", "pass:secret", "-nodes").CombinedOutput()
	if err != nil || strings.Count(string(out), "BEGIN CERTIFICATE") != 2 || !strings.Contains(string(out), "friendlyName: me") || !strings.Contains(string(out), "PRIVATE KEY") {
		t.Errorf("openssl reads %v\n%s", err, out)
	}
	_ = os.Remove(file)
}

func TestOpenSSLNumbers(t *testing.T) {
	expect(t, inAccess(t, `local bn = require "resty.openssl.bn" local a, b = bn.new(123456), bn.new(222)
		say((a + b):to_dec(), (a - b):to_dec(), (a * b):to_dec(), (a / b):to_dec(), (a % b):to_dec(), (-a):to_dec(), (222 + a):to_dec(), (a + 222):to_dec())
		say(bn.add(1, 2):to_dec(), a:exp(3):to_dec(), bn.pow(2, 100):to_dec(), a:gcd(b):to_dec(), a:sqr():to_dec(), a:mod_add(b, 7):to_dec(), a:mod_sub(b, 7):to_dec(), a:mod_mul(b, 7):to_dec(), a:mod_exp(b, 1000):to_dec(), a:mod_sqr(7):to_dec())
		say(a:lshift(3):to_dec(), a:rshift(3):to_dec(), bn.new(0):is_zero(), bn.new(1):is_one(), a:is_odd(), a:is_word(123456), bn.new(65537):is_prime(), b:is_prime())
		say((select(2, a:div(0)):match("div by zero"))) say((select(2, pcall(function() return a / "x" end)):match("bn:.*"))) say(bn.exp(2, bn.pow(2, 64))) say(bn.exp(3, 1000000)) say(bn.exp(1, bn.pow(2, 64)):to_dec()) say(a:lshift(2 ^ 21)) say(a:lshift(-1)) say(bn.new(1):lshift(9000):mod_exp(3, 7)) say(bn.new(1):lshift(9000):is_prime())
		local chain, x509 = require "resty.openssl.x509.chain", require "resty.openssl.x509" local c = chain.new() c:add(x509.new()) local d = chain.dup(c) say(#d, x509.istype(d[1]), d[2]) for i, v in ipairs(d) do say(i, x509.istype(v)) end
		local version = require "resty.openssl.version" say(version.OPENSSL_30, version.info(version.INFO_DSO_EXTENSION), #version.version(version.PLATFORM) > 0)
		local provider = require "resty.openssl.provider" local p = assert(provider.load("null")) say(provider.istype(p), p:get_params("name"), p:get_params("name", "status").status, p:get_params("x")) say(provider.is_available("default"), p:unload(), (p:unload()), (provider.load("no-such")))
		local o = require "resty.openssl" o.load_modules() say(type(o.crl.new), o.x509.altname == o.altname, type(o.pkcs12.encode))`),
		`123678 123234 27407232 556 24 -123456 123678 123678
3 1881640295202816 1267650600228229401496703205376 6 15241383936 2 6 6 536 2
987648 15432 true true false true true false
div by zero
bn:div: expect a bn instance or a number
nil bn:exp: the result is too large
nil bn:exp: the result is too large
1
nil bn:lshift: expect a number of bits at #2
nil bn:lshift: expect a number of bits at #2
nil bn:mod_exp: the result is too large
nil bn:is_prime: the number is too large
1 true nil
1 true
true .so true
true OpenSSL Null Provider 1 nil provider:get_params: unknown parameter "x"
true true nil nil
function true function`)
}
