package snapshot

import (
	"crypto/tls"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

func named(name string) []tls.Certificate { return []tls.Certificate{{OCSPStaple: []byte(name)}} }

func TestCertificateByServerName(t *testing.T) {
	c := &Certificates{
		exact:    map[string][]tls.Certificate{"a.test": named("exact")},
		suffix:   map[string][]tls.Certificate{".test": named("suffix")},
		prefix:   map[string][]tls.Certificate{"a.": named("prefix")},
		defaults: named("default"),
	}
	for name, want := range map[string]string{
		"a.test": "exact", "A.TEST": "exact", "a.test.": "exact", "b.test": "suffix", "x.b.test": "default",
		"a.other": "prefix", "": "default", "test": "default",
	} {
		if got := string(c.For(name)[0].OCSPStaple); got != want {
			t.Errorf("For(%q) is the %s one, want %s", name, got, want)
		}
	}
}

// TestClientTLSKeys: connections are shared only where nothing of TLS differs.
func TestClientTLSKeys(t *testing.T) {
	yes, no, depth := true, false, 2
	base := entity.Service{}
	keys := map[string]string{}
	for name, c := range map[string]struct {
		svc entity.Service
		sni string
		o   pdk.BalanceTLS
	}{
		"plain": {base, "a.test", pdk.BalanceTLS{}}, "other name": {base, "b.test", pdk.BalanceTLS{}},
		"verify": {entity.Service{TLSVerify: &yes}, "a.test", pdk.BalanceTLS{}}, "no verify": {entity.Service{TLSVerify: &no}, "a.test", pdk.BalanceTLS{}},
		"depth": {entity.Service{TLSVerifyDepth: &depth}, "a.test", pdk.BalanceTLS{}}, "plugin's depth": {base, "a.test", pdk.BalanceTLS{VerifyDepth: new(int)}},
		"certificate":          {entity.Service{ClientCertificate: entity.Ref{ID: "x"}}, "a.test", pdk.BalanceTLS{}},
		"authorities":          {entity.Service{CACertificates: []string{"x"}}, "a.test", pdk.BalanceTLS{}},
		"plugin's certificate": {base, "a.test", pdk.BalanceTLS{CertificatePEM: "c", KeyPEM: "k"}}, "plugin's authorities": {base, "a.test", pdk.BalanceTLS{AuthoritiesPEM: "c"}},
	} {
		k := clientKey(&c.svc, c.svc.ClientCertificate.ID, c.sni, &c.o)
		for other, o := range keys {
			if o == k {
				t.Errorf("%s and %s share connections", name, other)
			}
		}
		keys[name] = k
	}
	s := &Snapshot{Certificates: &Certificates{configs: map[string]*tls.Config{}}}
	_, one := s.ClientTLS(&base, nil, "a.test", &pdk.BalanceTLS{})
	_, two := s.ClientTLS(&base, nil, "a.test", &pdk.BalanceTLS{})
	if one != two || one.ServerName != "a.test" || !one.InsecureSkipVerify {
		t.Error("equal parameters make one configuration, that does not verify unless told to")
	}
	if _, v := s.ClientTLS(&entity.Service{TLSVerify: &yes}, nil, "a.test", &pdk.BalanceTLS{}); v.InsecureSkipVerify {
		t.Error("tls_verify does not verify")
	}
}
