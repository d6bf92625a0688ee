package proxy

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/vars"
	"github.com/gibbon-gateway/gibbon/proxy/pipeline"
	"github.com/gibbon-gateway/gibbon/wire/message"
	"github.com/gibbon-gateway/gibbon/wire/tlsconn"

	"github.com/gibbon-gateway/gibbon/engine/spool"
)

// certificatePatience bounds how long a handshake waits for certificate handlers.
const certificatePatience = 30 * time.Second

var (
	errCertificate = errors.New("a certificate handler failed")
	errNoRequest   = errors.New("there is no request in the certificate phase")
)

// ServerConfig is tls.Config.GetConfigForClient of a listener whose
// configuration is base: it runs the certificate phase of global plugins on the
// connection's worker, and waits for it in the handshake's goroutine. nil means
// base as it is.
func (s *Server) ServerConfig(base *tls.Config, hello *tls.ClientHelloInfo) (*tls.Config, error) {
	snap := s.Snapshot()
	if snap.Global == nil || !snap.Global.Has(phase.Certificate) {
		return nil, nil
	}
	c, _ := tlsconn.OwnerOf(hello.Conn).(*clientConn)
	if c == nil {
		return nil, nil
	}
	h := &handshake{w: c.w, done: make(chan error, 1)}
	h.tls = pdk.Handshake{ServerName: hello.ServerName, Versions: hello.SupportedVersions, Hello: hello}
	peer, local := c.flow.Peer, c.flow.Local
	c.w.Loop.Post(func() { h.start(snap.Global, peer, local) })
	select {
	case err := <-h.done:
		if err != nil {
			return nil, err
		}
	case <-time.After(certificatePatience):
		return nil, errCertificate
	}
	c.authorities = h.tls.Authorities
	return h.config(base), nil
}

// handshake is the certificate phase of one connection. It implements pdk.Host
// without a request.
type handshake struct {
	message.Exchange
	k    pdk.Kong
	run  pipeline.Run
	w    *Worker
	flow message.Flow
	tls  pdk.Handshake
	done chan error
	over bool
}

// start runs the phase. Loop only, as Resume and end.
func (h *handshake) start(plan *pipeline.Plan, peer, local netip.AddrPort) {
	if err := h.Begin(&h.w.pool); err != nil {
		h.done <- err
		return
	}
	h.flow = message.Flow{Peer: peer, Local: local}
	h.Exchange.Flow = &h.flow
	h.RemoteAddr, _ = h.PutString(h.flow.PeerText())
	h.RealRemoteAddr, h.RemotePort, h.RealRemotePort = h.RemoteAddr, peer.Port(), peer.Port()
	h.ServerAddr, _ = h.PutString(h.flow.LocalText())
	h.ServerPort = local.Port()
	h.Scheme, _ = h.PutString("https")
	h.k.Reset(h.w.srv.Gateway, h.w.Worker, &h.Exchange, h)
	h.k.Handshake = &h.tls
	h.run.Begin(plan)
	h.Resume(uint8(plugin.Continue))
}

// Resume implements pdk.Host.
func (h *handshake) Resume(outcome uint8) {
	out := plugin.Outcome(outcome)
	if out == plugin.Continue {
		out = h.run.Phase(&h.k, phase.Certificate)
	}
	switch {
	case out == plugin.Suspend || h.over:
		return
	case out == plugin.Fail:
		h.end(errCertificate)
	default:
		h.end(nil)
	}
}

func (h *handshake) end(err error) {
	h.over = true
	h.run.End(&h.k)
	h.Exchange.End()
	h.done <- err
}

// config is base with what the handlers decided.
func (h *handshake) config(base *tls.Config) *tls.Config {
	d := &h.tls
	if len(d.Certificates) == 0 && !d.RequestCertificate && !d.NoSessionReuse && !d.NoHTTP2 && d.MaxVersion == 0 {
		return nil
	}
	c := base.Clone()
	if d.MaxVersion != 0 {
		c.MinVersion, c.MaxVersion = d.MinVersion, d.MaxVersion
	}
	c.GetConfigForClient = nil
	if len(d.Certificates) > 0 {
		c.Certificates, c.GetCertificate = d.Certificates, nil
	}
	if d.RequestCertificate {
		c.ClientAuth, c.ClientCAs = tls.RequestClientCert, d.Authorities
	}
	c.SessionTicketsDisabled = c.SessionTicketsDisabled || d.NoSessionReuse
	if d.NoHTTP2 {
		c.NextProtos = []string{"http/1.1"}
	}
	return c
}

// The rest of pdk.Host: there is no request yet.

// ReadBody implements pdk.Host.
func (h *handshake) ReadBody(func(error)) (bool, error) { return false, errNoRequest }

// Body implements pdk.Host.
func (h *handshake) Body() *spool.Spool { return nil }

// SetBody implements pdk.Host.
func (h *handshake) SetBody([]byte) error { return errNoRequest }

// HasUpstream implements pdk.Host.
func (h *handshake) HasUpstream(string) bool { return false }

// UpstreamBody implements pdk.Host.
func (h *handshake) UpstreamBody() *spool.Spool { return nil }

// Variable implements pdk.Host.
func (h *handshake) Variable(dst []byte, name string) ([]byte, bool) {
	return vars.Get(dst, &h.k, name)
}

// SetVariable implements pdk.Host.
func (h *handshake) SetVariable(string, string) error { return errNoRequest }
