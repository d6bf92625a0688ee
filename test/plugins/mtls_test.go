package plugins

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// clientCertificate makes one that signs itself.
func clientCertificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(0xBEEF), Subject: pkix.Name{CommonName: "device-7"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func mtlsHeaders(t *testing.T, s *site) {
	do := func(certs ...tls.Certificate) (int, echo) {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certs, ServerName: "gw.example.test"}}
		defer tr.CloseIdleConnections()
		c := http.Client{Transport: tr, Timeout: 10 * time.Second}
		req, _ := http.NewRequest("GET", "https://"+s.secure+"/mtls-headers/", nil)
		req.Header.Set("X-Client-Cert", "forged")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		var e echo
		_ = json.Unmarshal(b, &e)
		return resp.StatusCode, e
	}
	status, _ := do()
	wants(t, status, 495)
	status, e := do(clientCertificate(t))
	pem, _ := url.QueryUnescape(strings.ReplaceAll(e.Headers["x-client-cert"], "+", "%2B"))
	wants(t, status, 200, strings.HasPrefix(pem, "-----BEGIN CERTIFICATE-----\n"), true, e.Headers["x-client-cn"], "device-7", e.Headers["x-client-serial"], "BEEF", e.Headers["x-tls"], "TLSv1.3")
}
