package health

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// TestProbesOverTLSAndGRPC runs single probes against real servers.
func TestProbesOverTLSAndGRPC(t *testing.T) {
	var sni string
	grpc := func(status string, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 || r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("Content-Type") != "application/grpc" {
				http.Error(w, "no", http.StatusBadRequest)
				return
			}
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/grpc")
			io.WriteString(w, body)
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
		}
	}
	plain := func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			sni = r.TLS.ServerName
		}
		w.WriteHeader(299)
	}
	const serving, stopped = "\x00\x00\x00\x00\x02\x08\x01", "\x00\x00\x00\x00\x02\x08\x02"
	tests := []struct {
		name    string
		kind    string
		handler http.HandlerFunc
		change  func(*entity.ActiveChecks)
		roots   bool
		status  int
		failure Failure
		sni     string
	}{
		{"https", "https", plain, nil, true, 299, NoFailure, "example.com"},
		{"another name", "https", plain, func(a *entity.ActiveChecks) { a.HTTPSSNI = "other.test" }, true, 0, TCPFailure, ""},
		{"unknown authority", "https", plain, nil, false, 0, TCPFailure, ""},
		{"unverified", "https", plain, func(a *entity.ActiveChecks) { a.HTTPSVerifyCertificate = false }, false, 299, NoFailure, "example.com"},
		{"http to https", "http", plain, nil, true, 400, NoFailure, ""},
		{"grpcs", "grpcs", grpc("0", serving), nil, true, 200, NoFailure, ""},
		{"grpcs, unknown authority", "grpcs", grpc("0", serving), nil, false, 0, TCPFailure, ""},
		{"grpc", "grpc", grpc("0", serving), nil, true, 200, NoFailure, ""},
		{"grpc, not serving", "grpc", grpc("0", stopped), nil, true, 503, NoFailure, ""},
		{"grpc, no health service", "grpc", grpc("12", ""), nil, true, 200, NoFailure, ""},
		{"grpc, unavailable", "grpc", grpc("14", ""), nil, true, 503, NoFailure, ""},
		{"grpc, HTTP status", "grpc", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, nil, true, 404, NoFailure, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sni = ""
			s := httptest.NewUnstartedServer(tt.handler)
			s.Config.ErrorLog = nil
			s.EnableHTTP2 = true
			s.Config.Protocols = new(http.Protocols)
			s.Config.Protocols.SetHTTP1(true)
			s.Config.Protocols.SetHTTP2(true)
			s.Config.Protocols.SetUnencryptedHTTP2(true)
			if tt.kind == "grpc" {
				s.Start()
			} else {
				s.StartTLS()
			}
			defer s.Close()
			o := Options{RootCAs: x509.NewCertPool()}
			if tt.roots && s.TLS != nil {
				o.RootCAs.AddCert(s.Certificate())
			}
			r := NewRegistry(o)
			defer r.Close()
			u := active(tt.kind, 0, 0)
			u.Healthchecks.Active.HTTPSVerifyCertificate = true
			if tt.change != nil {
				tt.change(&u.Healthchecks.Active)
			}
			p := newProbe(u, TLS{Certificate: &tls.Certificate{}})
			if tt.kind == "grpc" || tt.kind == "http" {
				p.cert = nil
			}
			k := Key{Addr: netip.MustParseAddrPort(s.Listener.Addr().String()), Host: "example.com"}
			status, f := p.run(t.Context(), r, k)
			if status != tt.status || f != tt.failure || sni != tt.sni {
				t.Errorf("got %d, failure %d, sni %q", status, f, sni)
			}
		})
	}
}

func TestProbeTimeout(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer s.Close()
	defer close(stop)
	r := NewRegistry(Options{})
	defer r.Close()
	for _, kind := range []string{"http", "https", "grpc"} {
		u := active(kind, 0, 0)
		u.Healthchecks.Active.Timeout = 0.05
		p := newProbe(u, TLS{})
		k := Key{Addr: netip.MustParseAddrPort(strings.TrimPrefix(s.URL, "http://")), Host: "a.test"}
		_, f := p.run(t.Context(), r, k)
		if want := TimeoutFailure; f != want && kind != "https" {
			t.Errorf("%s: failure %d", kind, f)
		}
	}
}
