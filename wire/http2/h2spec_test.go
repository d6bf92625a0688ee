package http2

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/summerwind/h2spec/client"
	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

// h2specCases is how many cases h2spec has for servers.
const h2specCases = 146

// TestH2Spec runs h2spec, strict, against an echo server on a loop.
func TestH2Spec(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
	t.Run("cleartext", func(t *testing.T) { h2specServer(t, nil) })
	t.Run("tls", func(t *testing.T) {
		h2specServer(t, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, NextProtos: []string{"h2"}})
	})
}

func h2specServer(t *testing.T, secure *tls.Config) {
	s := newLoopServer(t, Options{}.Defaulted(), secure)
	c := &config.Config{
		Host: "127.0.0.1", Port: int(s.Addr.Port()), Path: "/", Timeout: 2 * time.Second, MaxHeaderLen: 4000,
		Strict: true, TLS: secure != nil, Insecure: true,
	}
	passed := 0
	for _, g := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		g.Test(c)
		passed += g.PassedCount
		if g.FailedCount > 0 || g.SkippedCount > 0 {
			t.Errorf("%s: %d failed, %d skipped", g.Name, g.FailedCount, g.SkippedCount)
		}
		failures(t, g)
	}
	if passed != h2specCases {
		t.Errorf("%d cases passed, want %d", passed, h2specCases)
	}
}

func failures(t *testing.T, g *spec.TestGroup) {
	for _, tc := range g.Tests {
		if tc.Result != nil && tc.Result.Error != nil {
			t.Errorf("%s %s: %v", g.ID(), tc.Desc, tc.Result.Error)
		}
	}
	for _, sub := range g.Groups {
		failures(t, sub)
	}
}

// TestH2SpecClient plays h2spec's cases for clients to our client.
func TestH2SpecClient(t *testing.T) {
	c := &config.Config{Host: "127.0.0.1", Path: "/", Timeout: 2 * time.Second, MaxHeaderLen: 4000, Strict: true}
	var play func(g *spec.ClientTestGroup)
	play = func(g *spec.ClientTestGroup) {
		for _, tc := range g.Tests {
			a, b := tcpPair(t)
			f := fetchWire(a, Options{}.Defaulted())
			req, _ := http.NewRequest("GET", "http://127.0.0.1/", nil)
			go func() { _, _ = f.RoundTrip(req) }()
			conn, err := spec.Accept(c, b)
			if err == nil {
				err = tc.Run(c, conn)
			}
			if err != nil {
				t.Errorf("%s/%d %s: %v", g.ID(), tc.Seq, tc.Desc, err)
			}
			_ = b.Close()
			<-f.w.done
		}
		for _, sub := range g.Groups {
			play(sub)
		}
	}
	play(client.Spec())
}

// selfSigned is a certificate for tests.
func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
