package stream

import (
	"net/netip"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy/pipeline"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/clienthello"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// session is one L4 session: the state of serve.go's steps. What plugins need
// stands in plug, so that a session without plugins stays small.
type session struct {
	w    *Worker
	l    *Listener
	tr   transport
	snap *snapshot.Snapshot
	flow message.Flow
	// remote is who the client is: the peer, or whom a trusted one named.
	remote netip.AddrPort
	// hello is what the client said before TLS, of TLS listeners.
	hello clienthello.Hello
	entry *router.Entry
	dest  *snapshot.Destination
	plug  *plugged

	step                        step
	running, suspended          bool
	gone, ended, passthrough    bool
	taken                       bool // a plugin took bytes: the session is not proxied
	status                      uint16
	datagrams, answers          uint32
	received, sent              uint64 // from and to the client
	upSent, upReceived          uint64
	start, wall                 int64
	balanced, dialled, upstream int64 // when: chosen, first try, connected
	firstByte, end              int64
	target                      target

	prev, next *session
}

// transport is TCP or UDP under a session.
type transport interface {
	// secure shakes hands with the client.
	secure() plugin.Outcome
	// connect tries the address in target.
	connect() plugin.Outcome
	// relay lets bytes pass until the session is over.
	relay() plugin.Outcome
	// answer sends the body of an exit to the client.
	answer(body []byte)
	// hang ends both sides.
	hang()
}

// plugged is what plugins see of a session.
type plugged struct {
	message.Exchange
	k      pdk.Kong
	run    pipeline.Run
	stream pdk.Stream
	tls    pdk.Handshake // of the certificate phase
}

// begin enters s into the worker's list.
func (s *session) begin(w *Worker, l *Listener, tr transport, peer, local netip.AddrPort) {
	srv := w.srv
	s.w, s.l, s.tr, s.snap = w, l, tr, srv.Snapshot()
	s.start, s.wall = w.Loop.Now(), w.Loop.Wall()
	s.flow = message.Flow{Serial: srv.serial.Add(1), Requests: 1, Peer: peer, Local: local, Listener: l.Index,
		Accepted: time.Unix(0, s.wall)}
	if l.Path != "" {
		s.flow.OnUnix(l.Path)
	}
	s.remote = peer
	s.status = 200
	s.suspended = true // until the first bytes say where to
	srv.Active.Add(1)
	srv.Total.Add(1)
	s.next = w.first
	if s.next != nil {
		s.next.prev = s
	}
	w.first = s
	w.count++
}

// leave takes s out of the list, at the very end.
func (s *session) leave() {
	w := s.w
	if s.next != nil {
		s.next.prev = s.prev
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		w.first = s.next
	}
	s.prev, s.next = nil, nil
	w.count--
	w.srv.Active.Add(-1)
}

// believe takes the client that a PROXY header named, if the peer may name one.
func (s *session) believe(client netip.AddrPort) {
	s.flow.Proxied = client
	if s.l.Path != "" && s.w.srv.Options.TrustedUnix {
		s.remote = client
		return
	}
	for _, p := range s.w.srv.Options.Trusted {
		if p.Contains(s.flow.Peer.Addr().Unmap()) {
			s.remote = client
			return
		}
	}
}

// protocol is how the client speaks, in the words of a route.
func (s *session) protocol() string {
	switch {
	case s.l.UDP:
		return "udp"
	case s.passthrough:
		return "tls_passthrough"
	case s.l.TLS != nil:
		return "tls"
	}
	return "tcp"
}

// findRoute asks the router; false: there is none.
func (s *session) findRoute() bool {
	q := &s.w.request
	*q = router.Request{Scheme: s.protocol(), SNI: s.hello.ServerName,
		SrcIP: s.remote.Addr().Unmap(), SrcPort: int(s.remote.Port()),
		DstIP: s.flow.Local.Addr().Unmap(), DstPort: int(s.flow.Local.Port())}
	m := &s.w.match
	ok := s.snap.Router.Match(q, m)
	if !ok && q.Scheme == "tls" { // an expression may ask for the other protocol
		q.Scheme = "tls_passthrough"
		ok = s.snap.Router.Match(q, m)
	}
	*q = router.Request{}
	if !ok {
		return false
	}
	s.entry = m.Entry
	s.dest = m.Entry.Data.(*snapshot.Destination)
	m.Entry = nil
	if s.l.TLS != nil {
		for _, p := range s.entry.Route.Protocols {
			s.passthrough = s.passthrough || p == "tls_passthrough"
		}
	}
	return true
}

// plan is what runs for the session: its route's plugins, or without a route
// the global ones.
func (s *session) plan() *pipeline.Plan {
	if s.dest == nil {
		return s.snap.GlobalStream
	}
	return s.dest.Plan
}

// wanted says whether a plugin wants to see the session.
func (s *session) wanted() bool {
	p := s.plan()
	return p.Has(phase.Preread) || p.Has(phase.Log) || s.certifies()
}

// certifies says whether a plugin runs in the certificate phase of s.
func (s *session) certifies() bool {
	return s.l.TLS != nil && !s.passthrough && s.snap.GlobalStream.Has(phase.Certificate)
}

// plugIn makes what plugins see. Without memory for it the session fails.
func (s *session) plugIn() error {
	w := s.w
	var p *plugged
	if n := len(w.plugs); n > 0 {
		p = w.plugs[n-1]
		w.plugs = w.plugs[:n-1]
	} else {
		p = &plugged{}
	}
	if err := p.Begin(&w.pool); err != nil {
		return err
	}
	p.Flow = &s.flow
	p.k.Reset(w.srv.Gateway, w.Worker, &p.Exchange, s)
	p.stream = pdk.Stream{Protocol: "TCP"}
	if s.l.UDP {
		p.stream.Protocol = "UDP"
	}
	if s.passthrough {
		p.stream.PrereadName, p.stream.PrereadProtocols, p.stream.PrereadVersion = s.hello.ServerName, s.hello.Protocols, s.hello.Version
	}
	if c, ok := s.tr.(pdk.StreamClient); ok {
		p.stream.Client = c
	}
	p.k.Stream = &p.stream
	p.run.Begin(s.plan())
	if s.entry != nil {
		p.k.Router.Route, p.k.Router.Service = s.entry.Route, s.entry.Service
	}
	p.Scheme, _ = p.PutString(s.protocol())
	p.RealRemoteAddr, _ = p.PutString(s.flow.PeerText())
	p.RemoteAddr = p.RealRemoteAddr
	p.RealRemotePort, p.RemotePort = s.flow.Peer.Port(), s.remote.Port()
	if s.remote != s.flow.Peer {
		p.RemoteAddr, _ = p.PutString(s.remote.Addr().Unmap().String())
		p.Bits |= message.BitTrusted
	}
	p.ServerAddr, _ = p.PutString(s.flow.LocalText())
	p.ServerPort = s.flow.Local.Port()
	p.StartTime = float64(s.wall/1e6) / 1e3
	p.StartWall = time.Unix(0, s.wall)
	p.ConnectionSerial, p.ConnectionRequests = s.flow.Serial, 1
	s.plug = p
	s.sync()
	return nil
}

// sync brings counts and times to where plugins and logs read them.
func (s *session) sync() {
	p := s.plug
	p.Status = uint32(s.status)
	p.RequestLength, p.BytesSent, p.BodyBytesSent = s.received, s.sent, s.sent
	t := &p.Times
	t.Start, t.BalancerEnd, t.ConnectStart, t.Connected = s.start, s.balanced, s.dialled, s.upstream
	t.UpstreamHead, t.End = s.firstByte, s.end
	if s.upstream != 0 {
		t.UpstreamEnd = s.end
	}
	p.stream.UpstreamSent, p.stream.UpstreamReceived = s.upSent, s.upReceived
	p.stream.Datagrams, p.stream.Answers = uint64(s.datagrams), uint64(s.answers)
}

// unplug gives everything of plugins back.
func (s *session) unplug() {
	p := s.plug
	if p == nil {
		return
	}
	s.plug = nil
	p.run.End(&p.k)
	p.End()
	p.stream, p.tls = pdk.Stream{}, pdk.Handshake{}
	s.w.plugs = append(s.w.plugs, p)
}

// context is what a line of the error log says about the session.
func (s *session) context(action string) *log.Context {
	c := &log.Context{Connection: s.flow.Serial, Action: action, Client: s.remote.Addr().Unmap().String(), Server: s.flow.Local.String()}
	if s.target.addr.IsValid() {
		c.Upstream = s.target.addr.String()
	}
	return c
}

// logf writes a line about the session to the error log.
func (s *session) logf(level log.Level, action, format string, args ...any) {
	if l := s.w.srv.Log; l.On(level) {
		l.Printf(level, s.context(action), format, args...)
	}
}
