package gateway

import (
	"crypto/tls"
	"fmt"
	"net/netip"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/proxy/stream"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"golang.org/x/sys/unix"
)

// streams is layer 4 of the node: what stream_listen asks for.
type streams struct {
	server    *stream.Server
	workers   []*stream.Worker
	accepting [][]*stream.Listener
	unixPaths []string // files of those among tcp that are unix sockets
	// tcp are closed when draining begins, udp when the last session is over,
	// since answers go out through them.
	tcp, udp []int
}

// makeStreams attaches layer 4 to every worker; without stream_listen there is none.
func (n *node) makeStreams() error {
	if len(n.conf.Listen.Stream) == 0 {
		return nil
	}
	errors, err := n.streamLog()
	if err != nil {
		return err
	}
	access, err := n.openAccess("proxy_stream_access_log", n.conf.Logs.StreamAccess, "basic", len(n.workers))
	if err != nil {
		return err
	}
	s := &streams{server: &stream.Server{
		Options: stream.Options{MaxConnections: n.conf.WorkerConnections, Trusted: n.conf.Client.TrustedIPs, TrustedUnix: n.conf.Client.TrustedUnix},
		Gateway: n.server.Gateway, Log: errors, Resolver: n.dns, Snapshot: n.server.Snapshot,
	}}
	if access != nil {
		s.server.Access = access
	}
	for _, w := range n.workers {
		s.workers = append(s.workers, s.server.Attach(w))
	}
	n.streams = s
	return nil
}

// streamLog is the error log of layer 4: proxy_stream_error_log.
func (n *node) streamLog() (*log.Logger, error) {
	path := n.conf.Logs.StreamError
	if path == "" || path == n.conf.Logs.ProxyError {
		return n.log, nil
	}
	l, err := log.OpenError(&n.files, path, n.conf.Logs.Level)
	if err != nil {
		return nil, fmt.Errorf("proxy_stream_error_log: %w", err)
	}
	return l, nil
}

// acceptStreams opens the sockets and has every worker serve them.
func (n *node) acceptStreams() error {
	s := n.streams
	if s == nil {
		return nil
	}
	s.accepting = make([][]*stream.Listener, len(n.workers))
	for i, a := range n.conf.Listen.Stream {
		if err := n.openStream(i, a); err != nil {
			return fmt.Errorf("stream_listen: %w", err)
		}
	}
	return n.onAll(func(i int, _ *worker.Worker) error {
		for _, l := range s.accepting[i] {
			if err := s.workers[i].Listen(l); err != nil {
				return fmt.Errorf("cannot accept on %s: %w", l.Addr, err)
			}
		}
		return nil
	})
}

// openStream opens the sockets of one address: one for all workers, but one
// per worker with reuseport and for UDP, whose sessions live on one worker.
func (n *node) openStream(index int, a conf.Address) error {
	s := n.streams
	udp := a.Network == "udp"
	o := loop.ListenOptions{Backlog: a.Backlog, ReusePort: a.ReusePort && a.Network != "unix" || udp, IPv6Only: a.IPv6Only, Deferred: a.Deferred}
	open, kept := openStreamSocket, &s.tcp
	if udp {
		open, kept = openUDP, &s.udp
	}
	fd := -1
	var addr netip.AddrPort
	for w := range n.workers {
		if fd < 0 || o.ReusePort {
			var err error
			if fd, addr, err = open(a, o); err != nil {
				return err
			}
			*kept = append(*kept, fd)
			if path := unixPath(a); path != "" {
				s.unixPaths = append(s.unixPaths, path)
			}
		}
		l := &stream.Listener{Index: index, Addr: addr, Path: unixPath(a), FD: fd, UDP: udp, ProxyProtocol: a.ProxyProtocol}
		if a.TLS {
			l.TLS = n.streamTLS(a)
		}
		s.accepting[w] = append(s.accepting[w], l)
	}
	return nil
}

func openUDP(a conf.Address, o loop.ListenOptions) (fd int, addr netip.AddrPort, err error) {
	if addr, err = resolveListen(a); err == nil {
		fd, err = loop.ListenUDP(addr, o)
	}
	if err != nil {
		return -1, addr, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	return fd, addr, nil
}

// streamTLS is the configuration of an ssl listener: the proxy's without its
// protocols, and with full records, since streams are rarely small answers.
func (n *node) streamTLS(a conf.Address) *tls.Config {
	c := n.serverTLS(a).Clone()
	c.NextProtos, c.GetConfigForClient = nil, nil // certificate handlers run before the handshake
	c.DynamicRecordSizingDisabled = true
	return c
}

// drain begins no more sessions.
func (s *streams) drain(n *node) {
	if s == nil {
		return
	}
	s.server.Drain()
	_ = n.onAll(func(i int, _ *worker.Worker) error {
		for _, l := range s.accepting[i] {
			s.workers[i].Unlisten(l)
		}
		return nil
	})
	s.closeTCP()
}

// closeTCP closes the sockets that take connections.
func (s *streams) closeTCP() {
	closeAll(&s.tcp)
	removeSockets(&s.unixPaths)
}

// remaining ends what has gone quiet on worker i and counts what is left. Loop only.
func (s *streams) remaining(i int) int {
	if s == nil {
		return 0
	}
	s.workers[i].CloseIdle()
	return s.workers[i].Sessions()
}

// closeSessions ends every session while plugins can still log it.
func (s *streams) closeSessions(n *node) {
	if s != nil {
		_ = n.onAll(func(i int, _ *worker.Worker) error { s.workers[i].Close(); return nil })
	}
}

// closeSockets closes what still listens.
func (s *streams) closeSockets() {
	if s != nil {
		s.closeTCP()
		closeAll(&s.udp)
	}
}

func closeAll(fds *[]int) {
	for _, fd := range *fds {
		_ = unix.Close(fd)
	}
	*fds = nil
}
