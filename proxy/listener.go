package proxy

import (
	"crypto/tls"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// Listener is one listening address of the data plane, shared by all workers
// or, with reuseport, one per worker.
type Listener struct {
	// Index numbers the listener; Addr is where it listens.
	Index int
	Addr  netip.AddrPort
	// Path of a unix socket, which has no Addr; "" for TCP.
	Path string
	FD   int
	// TLS is the configuration of an ssl listener, nil in the clear.
	TLS *tls.Config
	// HTTP2 allows HTTP/2, ProxyProtocol expects a PROXY protocol header.
	HTTP2, ProxyProtocol bool
}

func (l *Listener) String() string {
	if l.Path != "" {
		return "unix:" + l.Path
	}
	return l.Addr.String()
}

// acceptor is a listener on one worker's loop.
type acceptor struct {
	w *Worker
	l *Listener
	// pause ends a time without accepting.
	pause loop.Timer
}

// Listen has the worker accept from l. Loop only.
func (w *Worker) Listen(l *Listener) error {
	a := &acceptor{w: w, l: l}
	if _, err := w.Loop.RegisterShared(l.FD, a); err != nil {
		return err
	}
	a.pause.Init(w.Loop, a.resume)
	w.acceptors = append(w.acceptors, a)
	return nil
}

// Unlisten stops accepting from l. Loop only.
func (w *Worker) Unlisten(l *Listener) {
	for i, a := range w.acceptors {
		if a.l == l {
			a.pause.Drop()
			w.acceptors = append(w.acceptors[:i:i], w.acceptors[i+1:]...)
			break
		}
	}
	w.Loop.Unregister(l.FD)
}

// acceptPause is how long a listener is left alone after accept failed, for
// want of descriptors mostly: the kernel would report it ready without end.
const acceptPause = 500e6

func (a *acceptor) resume() {
	if _, err := a.w.Loop.RegisterShared(a.l.FD, a); err != nil {
		a.w.srv.Log.Errorf("cannot accept on %s any more: %v", a.l, err)
	}
}

// acceptBatch bounds what one wake accepts, so that running requests go on and
// other workers get their share.
const acceptBatch = 64

// Ready implements loop.Handler.
func (a *acceptor) Ready(loop.Events) {
	s := a.w.srv
	for i := 0; i < acceptBatch; i++ {
		fd, peer, err := loop.Accept(a.l.FD)
		if err != nil {
			if err != loop.ErrAgain {
				s.Log.Printf(log.Crit, nil, "accept() on %s failed: %v", a.l, err)
				a.w.Loop.Unregister(a.l.FD)
				a.pause.After(acceptPause)
			}
			return
		}
		s.Accepted.Add(1)
		if m := s.Options.MaxConnections; m > 0 && a.w.Connections() >= m {
			s.Log.Printf(log.Alert, nil, "%d connections are not enough: refusing one on %s", m, a.l)
			_ = unix.Close(fd)
			continue
		}
		s.Handled.Add(1)
		local := a.l.Addr
		if a.l.Path == "" && (!local.IsValid() || local.Addr().IsUnspecified()) {
			local = loop.LocalAddr(fd)
		}
		a.w.Serve(fd, a.l, peer, local)
	}
}

// Serve takes over a connected socket as if l had accepted it. Loop only.
func (w *Worker) Serve(fd int, l *Listener, peer, local netip.AddrPort) {
	if l.TLS != nil && !l.ProxyProtocol {
		w.acceptTLS(fd, l, peer, local)
		return
	}
	w.accept(fd, l, peer, local)
}

// shutdown ends our side of the connection.
func (c *clientConn) shutdown() bool { return c.Shutdown() == nil }
