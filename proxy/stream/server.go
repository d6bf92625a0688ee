package stream

import (
	"crypto/tls"
	"net/netip"
	"sync/atomic"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Options are the settings of L4. Times are nanoseconds, sizes bytes; 0 means
// the default that stands beside the field.
type Options struct {
	// PrereadTimeout bounds how long a client may take to send its PROXY header
	// and its ClientHello (30 s); HandshakeTimeout how long TLS with it (60 s).
	PrereadTimeout, HandshakeTimeout int64
	// PrereadBuffer is how much of a session plugins may look at in preread (16 KB).
	PrereadBuffer int
	// MaxConnections of one worker; further ones are closed at once. 0 = no limit.
	MaxConnections int
	// MaxUDPSessions of one worker (65536); a further client pushes out the one
	// that has been silent longest.
	MaxUDPSessions int
	// Pipes bounds the pipes of one worker for splice (1024), PipeSize is what
	// one should hold (256 KB). Without a pipe bytes are copied.
	Pipes, PipeSize int
	// Trusted peers may say by a PROXY header who the client is.
	Trusted []netip.Prefix
	// TrustedUnix has peers on unix sockets trusted.
	TrustedUnix bool
}

func (o *Options) fill() {
	for _, d := range []struct {
		field *int64
		value int64
	}{{&o.PrereadTimeout, 30e9}, {&o.HandshakeTimeout, 60e9}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&o.PrereadBuffer, 16 << 10}, {&o.MaxUDPSessions, 1 << 16}, {&o.Pipes, 1024}, {&o.PipeSize, 256 << 10}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
}

// Server is layer 4 of the process: what all its workers share.
type Server struct {
	Options Options
	Gateway *pdk.Gateway
	Log     *log.Logger
	// Access gets every session that ended; nil = nobody.
	Access AccessLog
	// Resolver finds hosts that plugins name.
	Resolver *dns.Resolver
	// Snapshot is the current one; a session keeps the one it began with.
	Snapshot func() *snapshot.Snapshot

	draining atomic.Bool
	serial   atomic.Uint64
	// Active counts sessions that run, Total all that began.
	Active, Total atomic.Int64
}

// AccessLog writes one line per finished session.
type AccessLog interface {
	// Write is called on the loop after the log phase; it must not block.
	Write(k *pdk.Kong)
}

// Listener is one listening address.
type Listener struct {
	// Index numbers the listener; Addr is where it listens.
	Index int
	Addr  netip.AddrPort
	// Path of a unix socket, which has no Addr; "" for others.
	Path string
	// FD is the socket. A TCP one may be shared by all workers; a UDP one belongs
	// to one worker (see loop.ListenUDP, ReusePort).
	FD  int
	UDP bool
	// TLS is the configuration of an ssl listener, nil in the clear.
	TLS *tls.Config
	// ProxyProtocol expects a PROXY protocol header.
	ProxyProtocol bool
}

// Drain tells that no new sessions will come; see Worker.CloseIdle.
func (s *Server) Drain() { s.draining.Store(true) }

// Worker is layer 4 of one worker.
type Worker struct {
	*worker.Worker
	srv   *Server
	pool  message.Pool
	plugs []*plugged
	pipes loop.Pipes
	// first is the head of the list of sessions; count how many there are.
	first *session
	count int
	udp   []*udpListener
	// in and answers are scratch for datagrams from clients and upstreams.
	in, answers *loop.Datagrams
	match       router.Match
	request     router.Request
	texts       map[netip.Addr]string
	lastEvicted int64 // when an eviction was logged
}

// Attach makes w's part of layer 4. Call it on w's loop, or before it runs.
func (s *Server) Attach(w *worker.Worker) *Worker {
	s.Options.fill()
	return &Worker{Worker: w, srv: s, texts: map[netip.Addr]string{},
		pipes: loop.Pipes{Max: s.Options.Pipes, Size: s.Options.PipeSize}}
}

// Listen has the worker serve l. Loop only.
func (w *Worker) Listen(l *Listener) error {
	if l.UDP {
		return w.listenUDP(l)
	}
	_, err := w.Loop.RegisterShared(l.FD, &acceptor{w, l})
	return err
}

// Unlisten begins no more sessions from l. Sessions of a UDP listener go on,
// so its socket has to stay open until they are over. Loop only.
func (w *Worker) Unlisten(l *Listener) {
	if !l.UDP {
		w.Loop.Unregister(l.FD)
		return
	}
	for _, u := range w.udp {
		if u.l == l {
			u.closed = true
		}
	}
}

// Sessions counts the worker's sessions. Loop only.
func (w *Worker) Sessions() int { return w.count }

// drainQuiet is how long a UDP session is silent until it counts as over while
// the gateway drains: it has no end of its own.
const drainQuiet = 500e6

// CloseIdle ends UDP sessions that have gone quiet. TCP sessions end when
// their sides close: whether one is idle only their protocol knows. Loop only.
func (w *Worker) CloseIdle() {
	for _, u := range w.udp {
		u.expireQuiet(w.Loop.Now() - drainQuiet)
	}
}

// Close ends every session, in order: both sides see the end, log runs. Loop only.
func (w *Worker) Close() {
	for s := w.first; s != nil; {
		next := s.next
		s.cut()
		s = next
	}
	for _, u := range w.udp {
		u.close()
	}
	w.udp = nil
	w.pipes.Close()
}

// acceptor is a TCP listener on one worker's loop.
type acceptor struct {
	w *Worker
	l *Listener
}

// acceptBatch bounds what one wake accepts, so that running sessions go on and
// other workers get their share.
const acceptBatch = 64

// Ready implements loop.Handler.
func (a *acceptor) Ready(loop.Events) {
	w := a.w
	for range acceptBatch {
		fd, peer, err := loop.Accept(a.l.FD)
		if err != nil {
			if err != loop.ErrAgain {
				w.srv.Log.Printf(log.Crit, nil, "accept() on %s failed: %v", a.l.Addr, err)
			}
			return
		}
		local := a.l.Addr
		if a.l.Path == "" && (!local.IsValid() || local.Addr().IsUnspecified()) {
			local = loop.LocalAddr(fd)
		}
		w.acceptTCP(fd, a.l, peer, local)
	}
}

// maxTexts bounds the memory of rendered addresses.
const maxTexts = 4096

// text is an upstream's address as text; upstreams are few, so it is remembered.
func (w *Worker) text(a netip.Addr) string {
	s, ok := w.texts[a]
	if !ok {
		if len(w.texts) >= maxTexts {
			clear(w.texts)
		}
		s = a.Unmap().String()
		w.texts[a] = s
	}
	return s
}
