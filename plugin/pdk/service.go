package pdk

import (
	"fmt"
	"math"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Service is kong.service: where the request goes, and by its parts what is
// sent there (Request) and what came back (Response).
type Service struct {
	k *Kong
	// Request is kong.service.request, Response kong.service.response.
	Request  ServiceRequest
	Response ServiceResponse
}

// SetTarget sends the request to host (a name or an address) and port,
// whatever the service says; the Host field follows.
func (s *Service) SetTarget(host string, port int) error {
	if err := s.k.in(phasesToBalancer | phase.Preread); err != nil {
		return err
	}
	if port < 0 || port > 65535 {
		return fmt.Errorf("port must be an integer between 0 and 65535: given %d", port)
	}
	s.k.Balance.Host, s.k.Balance.Port, s.k.Balance.Upstream = host, port, ""
	if s.k.Phase == phase.Balancer { // a further try's Host has the port too
		return nil
	}
	return s.setHost(host)
}

// SetUpstream sends the request to the upstream entity called name. found is
// false, and nothing changes, if there is none.
func (s *Service) SetUpstream(name string) (found bool, err error) {
	if err := s.k.in(phase.Access); err != nil {
		return false, err
	}
	if !s.k.Host.HasUpstream(name) {
		return false, nil
	}
	s.k.Balance.Upstream, s.k.Balance.Host, s.k.Balance.Port = name, "", 0
	if s.k.X != nil {
		s.k.X.UpstreamHost = message.Str{}
	}
	return true, nil
}

// setHost sets the Host field for the service; L4 sessions have none.
func (s *Service) setHost(host string) error {
	x := s.k.X
	if x == nil || x.Shared == nil {
		return nil
	}
	v, err := x.PutString(host)
	if err == nil {
		x.UpstreamHost = v
	}
	return err
}

// SetRetries bounds the tries that follow a failed one: 0 to 32767.
func (s *Service) SetRetries(n int) error {
	if err := s.k.in(phase.Access); err != nil {
		return err
	}
	if n < 0 || n > 32767 {
		return fmt.Errorf("retries must be an integer between 0 and 32767: given %d", n)
	}
	s.k.Balance.Retries = n
	return nil
}

// SetTimeouts sets the timeouts in milliseconds: 1 to 2147483646.
func (s *Service) SetTimeouts(connect, write, read int) error {
	if err := s.k.in(phase.Access); err != nil {
		return err
	}
	for _, t := range [...]struct {
		name string
		ms   int
	}{{"connect_timeout", connect}, {"write_timeout", write}, {"read_timeout", read}} {
		if t.ms < 1 || t.ms > math.MaxInt32-1 {
			return fmt.Errorf("%s must be an integer between 1 and %d: given %d", t.name, math.MaxInt32-1, t.ms)
		}
	}
	b := &s.k.Balance
	b.ConnectTimeout, b.WriteTimeout, b.ReadTimeout = connect, write, read
	return nil
}

// SetTLSVerify says whether the service's certificate is checked.
func (s *Service) SetTLSVerify(on bool) error {
	if err := s.k.in(phasesToBalancer | phase.Preread); err != nil {
		return err
	}
	s.k.Balance.tls().Verify = &on
	return nil
}

// SetTLSVerifyDepth bounds the length of the certificate chain.
func (s *Service) SetTLSVerifyDepth(depth int) error {
	if err := s.k.in(phasesToBalancer | phase.Preread); err != nil {
		return err
	}
	s.k.Balance.tls().VerifyDepth = &depth
	return nil
}

// SetTLSCertificate shows the service this certificate, PEM chain and key.
func (s *Service) SetTLSCertificate(chain, key string) error {
	if err := s.k.in(phasesToBalancer | phase.Preread); err != nil {
		return err
	}
	t := s.k.Balance.tls()
	t.CertificatePEM, t.KeyPEM = chain, key
	return nil
}

// SetTLSVerifyStore checks the service's certificate against these authorities, PEM.
func (s *Service) SetTLSVerifyStore(authorities string) error {
	if err := s.k.in(phasesToBalancer | phase.Preread); err != nil {
		return err
	}
	s.k.Balance.tls().AuthoritiesPEM = authorities
	return nil
}
