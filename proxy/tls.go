package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/wire/tlsconn"
)

// acceptTLS shakes hands off the loop, then takes the connection over.
func (w *Worker) acceptTLS(fd int, l *Listener, peer, local netip.AddrPort) {
	c := &clientConn{w: w, listener: l}
	c.handshake(fd, peer, local, nil)
}

// handOverTLS begins TLS after a PROXY protocol header.
func (c *clientConn) handOverTLS() {
	fd := c.Detach()
	c.timer.Drop()
	delete(c.w.conns, c)
	c.w.srv.Active.Add(-1)
	prefix := append([]byte(nil), c.in...)
	c.in = c.in[:0]
	c.handshake(fd, c.flow.Peer, c.flow.Local, prefix)
}

func (c *clientConn) handshake(fd int, peer, local netip.AddrPort, prefix []byte) {
	w := c.w
	c.flow.Peer, c.flow.Local = peer, local
	o := tlsconn.Options{Timeout: time.Duration(w.srv.Options.HeaderTimeout), Prefix: prefix, Owner: c}
	w.Loop.Handed()
	w.handshakes++
	tlsconn.Server(fd, c.listener.TLS, o, func(s *tlsconn.Session, err error) {
		if !w.Loop.Post(func() { c.secured(fd, s, err) }) {
			_ = unix.Close(fd) // the worker is gone
		}
	})
}

// secured takes the connection over after the handshake. Loop only.
func (c *clientConn) secured(fd int, s *tlsconn.Session, err error) {
	w := c.w
	w.handshakes--
	var record tls.RecordHeaderError
	if errors.As(err, &record) && looksLikeHTTP(record.RecordHeader[:]) {
		c.plainOnTLS(fd)
		return
	}
	if err != nil {
		w.srv.Log.Infof("SSL_do_handshake() failed: %v while SSL handshaking, client: %s, server: %s", err, c.flow.Peer, c.flow.Local)
		_ = unix.Close(fd)
		return
	}
	peer, local := c.flow.Peer, c.flow.Local
	if err := c.Open(w.Loop, fd, c); err != nil {
		w.srv.Log.Errorf("cannot watch a TLS connection: %v", err)
		_ = unix.Close(fd)
		return
	}
	s.Attach(&c.Conn)
	c.flow.TLS = &s.State
	c.flow.ClientVerify = c.judge(&s.State)
	c.state = clientIdle
	proxied := c.flow.Proxied
	c.start(peer, local)
	c.flow.Proxied = proxied
	c.state = clientIdle
	if s.State.NegotiatedProtocol == "h2" {
		c.startH2(nil)
	}
	w.Loop.Again(c)
}

// secureUpstream says whether the upstream is spoken to over TLS.
func (r *request) secureUpstream() bool {
	switch r.View(r.UpstreamScheme) {
	case "https", "grpcs", "wss":
		return true
	}
	return false
}

// grpcUpstream says whether the upstream gets gRPC calls, over HTTP/2.
func (r *request) grpcUpstream() bool {
	switch r.View(r.UpstreamScheme) {
	case "grpc", "grpcs":
		return true
	}
	return false
}

// tlsKey names the TLS parameters, so that only equal connections are shared.
func (r *request) tlsKey() string { return r.upstreamTLS().key }

// upstreamTLS is how the service is spoken to over TLS.
type upstreamTLS struct {
	key    string
	config *tls.Config
}

func (r *request) upstreamTLS() upstreamTLS {
	var u *entity.Upstream
	if b := r.target.balancer; b != nil {
		u = b.Upstream()
	}
	key, config := r.snap.ClientTLS(r.k.Router.Service, u, r.serverName(), r.k.Balance.TLS)
	return upstreamTLS{key, config}
}

// serverName is the name that the upstream is asked for in the handshake, and
// that its certificate is checked for: the Host that it will get, without a
// port. An address is not sent as a name.
func (r *request) serverName() string {
	host := r.target.hostPort
	if r.UpstreamHost.Len > 0 && !r.out.hostOfPeer {
		host = r.View(r.UpstreamHost)
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "" {
		host = r.target.sni
	}
	return strings.Clone(host)
}

// startTLS shakes hands with the upstream off the loop; then the request is written.
func (u *upstreamConn) startTLS() {
	r, w := u.r, u.w
	config := r.upstreamTLS().config
	if r.mayUseH2() {
		config = h2Config(config, true)
	}
	timeout := time.Duration(r.target.connect)
	fd := u.Detach()
	u.handshake = true
	u.timer.Off()
	w.Loop.Handed()
	tlsconn.Client(fd, config, tlsconn.Options{Timeout: timeout}, func(s *tlsconn.Session, err error) {
		if !w.Loop.Post(func() { u.secured(fd, s, err) }) {
			_ = unix.Close(fd)
		}
	})
}

func (u *upstreamConn) secured(fd int, s *tlsconn.Session, err error) {
	u.handshake = false
	if u.r == nil { // the request gave up meanwhile
		_ = unix.Close(fd)
		return
	}
	if err == nil && s.State.NegotiatedProtocol == "h2" {
		u.becomeH2(fd, s)
		return
	}
	if err == nil {
		err = u.Open(u.w.Loop, fd, u)
	}
	if err != nil {
		_ = unix.Close(fd)
		u.failed(err, health.TCPFailure, true)
		return
	}
	s.Attach(&u.Conn)
	u.write()
}
