package stream

import (
	"crypto/tls"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/tlsconn"
)

// certificate runs the global plugins' handlers before TLS. The ClientHello was
// read already, so they run on the loop like any other phase.
func (s *session) certificate() plugin.Outcome {
	p := s.plug
	if p == nil || !s.certifies() {
		return plugin.Continue
	}
	if p.k.Handshake == nil {
		p.run.Begin(s.snap.GlobalStream)
		p.tls = pdk.Handshake{ServerName: s.hello.ServerName, Versions: []uint16{s.hello.Version}}
		p.k.Handshake = &p.tls
	}
	out := p.run.Phase(&p.k, phase.Certificate)
	if out == plugin.Continue {
		p.k.Handshake = nil
		p.run.End(&p.k)
		p.run.Begin(s.dest.Plan)
	}
	return out
}

// serverConfig is the listener's configuration with what certificate handlers decided.
func (t *tcpSession) serverConfig() *tls.Config {
	if t.plug == nil {
		return t.l.TLS
	}
	d := &t.plug.tls
	if len(d.Certificates) == 0 && !d.RequestCertificate && !d.NoSessionReuse {
		return t.l.TLS
	}
	c := t.l.TLS.Clone()
	if len(d.Certificates) > 0 {
		c.Certificates, c.GetCertificate = d.Certificates, nil
	}
	if d.RequestCertificate {
		c.ClientAuth, c.ClientCAs = tls.RequestClientCert, d.Authorities
		t.authorities = d.Authorities
	}
	c.SessionTicketsDisabled = c.SessionTicketsDisabled || d.NoSessionReuse
	return c
}

// secure implements transport.
func (t *tcpSession) secure() plugin.Outcome {
	w, fd := t.w, t.client.Detach()
	t.shaking = true
	o := tlsconn.Options{Timeout: time.Duration(w.srv.Options.HandshakeTimeout), Prefix: t.in, Owner: t}
	t.in = nil
	w.Loop.Handed()
	tlsconn.Server(fd, t.serverConfig(), o, func(s *tlsconn.Session, err error) {
		w.Loop.Post(func() { t.secured(fd, s, err) })
	})
	return plugin.Suspend
}

// secured takes the client's connection back after the handshake.
func (t *tcpSession) secured(fd int, s *tlsconn.Session, err error) {
	t.shaking = false
	if err == nil && !t.gone {
		err = t.client.Open(t.w.Loop, fd, &t.client)
	}
	if err != nil || t.gone {
		if err != nil {
			t.logf(log.Info, "SSL handshaking", "SSL_do_handshake() failed: %v", err)
		}
		_ = unix.Close(fd)
		t.ended = true // no plugin saw a session
		t.fail(400)
		t.resume()
		return
	}
	s.Attach(&t.client.Conn)
	t.flow.TLS, t.flow.Proto = &s.State, "tls"
	t.flow.ClientVerify = snapshot.VerifyClient(&s.State, t.authorities, -1)
	t.authorities = nil
	t.resume()
}

// secureUpstream shakes hands with the service off the loop.
func (t *tcpSession) secureUpstream() plugin.Outcome {
	w := t.w
	_, config := t.snap.ClientTLS(t.entry.Service, t.upstreamEntity(), t.target.sni, t.overrides().TLS)
	fd := t.up.Detach()
	t.shaking = true
	t.timer.Off()
	w.Loop.Handed()
	tlsconn.Client(fd, config, tlsconn.Options{Timeout: time.Duration(t.target.connect)}, func(s *tlsconn.Session, err error) {
		w.Loop.Post(func() { t.upSecured(fd, s, err) })
	})
	return plugin.Suspend
}

func (t *tcpSession) upSecured(fd int, s *tlsconn.Session, err error) {
	t.shaking = false
	if err == nil && !t.gone {
		err = t.up.Open(t.w.Loop, fd, &t.up)
	}
	switch {
	case t.gone || t.step != stepConnect:
		_ = unix.Close(fd)
		t.resume()
	case err != nil:
		_ = unix.Close(fd)
		t.after(t.tryFailed(err, health.TCPFailure))
	default:
		s.Attach(&t.up.Conn)
		t.upstream = t.w.Loop.Now()
		t.after(plugin.Continue)
	}
}

// upstreamEntity is the upstream that chose the address, nil for none.
func (t *tcpSession) upstreamEntity() *entity.Upstream {
	if t.target.balancer == nil {
		return nil
	}
	return t.target.balancer.Upstream()
}
