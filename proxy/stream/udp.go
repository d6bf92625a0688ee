package stream

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// udpListener is a UDP socket of one worker with its sessions. The kernel
// gives a client's datagrams always to the same socket of an address
// (SO_REUSEPORT), so sessions need no lock.
type udpListener struct {
	w     *Worker
	l     *Listener
	wild  bool // listens on any address: answers say from which
	table map[udpKey]*udpSession
	// newest and oldest are the ends of the sessions in order of last use.
	newest, oldest *udpSession
	out            *loop.Outbox
	flushing       bool // a flusher runs at the end of this round
	closed         bool // begins no more sessions
}

// udpKey is what makes datagrams one session: the client's address, and the
// address it sent to.
type udpKey struct {
	peer loop.Address
	to   netip.Addr
}

const (
	// udpBatch is how many datagrams one call takes from a listener, udpAnswers
	// from an upstream, udpOut how many go out with one call.
	udpBatch, udpAnswers, udpOut = 64, 16, 64
	// udpBatches bounds what one wake takes.
	udpBatches = 8
	// udpWaiting and udpWaitingBytes bound what a session keeps while plugins
	// and the balancer have it; further datagrams are lost.
	udpWaiting, udpWaitingBytes = 64, 128 << 10
)

func (w *Worker) listenUDP(l *Listener) error {
	if w.in == nil {
		w.in, w.answers = loop.NewDatagrams(udpBatch), loop.NewDatagrams(udpAnswers)
	}
	u := &udpListener{w: w, l: l, wild: l.Addr.Addr().IsUnspecified(), table: map[udpKey]*udpSession{}, out: loop.NewOutbox(udpOut)}
	if _, err := w.Loop.Register(l.FD, u, loop.Readable); err != nil {
		return err
	}
	w.udp = append(w.udp, u)
	return nil
}

// Ready implements loop.Handler: it takes datagrams.
func (u *udpListener) Ready(loop.Events) {
	in := u.w.in
	for range udpBatches {
		n, err := in.Receive(u.l.FD, u.wild)
		if err == loop.ErrAgain {
			return
		}
		if err != nil {
			u.w.srv.Log.Infof("recvmmsg() on %s failed: %v", u.l.Addr, err) // an ICMP error of an answer
			continue
		}
		for i := range n {
			u.take(in.From(i), in.To(i), in.Data(i))
		}
		if n < in.Room() {
			return
		}
	}
	u.w.Loop.Again(u)
}

// flusher sends what gathered, at the end of a round.
type flusher struct{ u *udpListener }

// Ready implements loop.Handler.
func (f flusher) Ready(loop.Events) {
	f.u.flushing = false
	f.u.flush()
}

// take gives a datagram to its session.
func (u *udpListener) take(from loop.Address, to netip.Addr, p []byte) {
	key := udpKey{from, to}
	s := u.table[key]
	if s == nil {
		if u.closed || u.full() {
			return
		}
		s = u.begin(key)
		s.fromClient(p)
		s.resume()
		return
	}
	s.fromClient(p)
}

func (u *udpListener) begin(key udpKey) *udpSession {
	w := u.w
	s := &udpSession{u: u, key: key, fd: -1}
	local := u.l.Addr
	if key.to.IsValid() {
		local = netip.AddrPortFrom(key.to, local.Port())
	}
	u.table[key] = s
	u.push(s)
	s.timer.Init(w.Loop, s.expired)
	s.session.begin(w, u.l, s, key.peer.AddrPort(), local)
	return s
}

// full makes room in the table; true: there is none.
func (u *udpListener) full() bool {
	w := u.w
	if len(u.table) < w.srv.Options.MaxUDPSessions {
		return false
	}
	if now := w.Loop.Now(); w.lastEvicted == 0 || now-w.lastEvicted > 1e9 {
		w.lastEvicted = now
		w.srv.Log.Warnf("%d UDP sessions on %s are not enough: the most silent one ends", len(u.table), u.l.Addr)
	}
	s := u.oldest
	if s == nil || s.step != stepRelay {
		return true // plugins have it: the new client has to wait
	}
	s.over(200)
	return false
}

// push puts s at the front, pull takes it out.
func (u *udpListener) push(s *udpSession) {
	s.older = u.newest
	if u.newest != nil {
		u.newest.newer = s
	} else {
		u.oldest = s
	}
	u.newest = s
}

func (u *udpListener) pull(s *udpSession) {
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		u.newest = s.older
	}
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		u.oldest = s.newer
	}
	s.newer, s.older = nil, nil
}

// expireQuiet ends the sessions that moved nothing since the loop's time since.
func (u *udpListener) expireQuiet(since int64) {
	for s := u.oldest; s != nil && s.last < since; {
		newer := s.newer
		if s.step == stepRelay {
			s.over(200)
		}
		s = newer
	}
}

// send puts an answer into the outbox.
func (u *udpListener) send(p []byte, key *udpKey) {
	if u.out.Full(len(p)) {
		u.flush()
	}
	u.out.Add(p, &key.peer, key.to)
	if !u.flushing {
		u.flushing = true
		u.w.Loop.Again(flusher{u})
	}
}

func (u *udpListener) flush() {
	if u.out.Empty() {
		return
	}
	if n, err := u.out.Send(u.l.FD); n > 0 {
		u.w.srv.Log.Infof("%d datagrams from %s were not sent: %v", n, u.l.Addr, err)
	}
}

func (u *udpListener) close() {
	u.flush()
	u.w.Loop.Unregister(u.l.FD)
}

// udpSession is one client's datagrams.
type udpSession struct {
	session
	u     *udpListener
	key   udpKey
	fd    int // the upstream's socket, -1 before there is one
	timer loop.Timer
	last  int64 // when something moved
	// waiting are datagrams that came before the upstream was chosen.
	waiting      [][]byte
	waitingBytes int
	newer, older *udpSession
}

var errRefused = errors.New("the upstream refuses datagrams")

// fromClient takes a datagram of the client.
func (s *udpSession) fromClient(p []byte) {
	s.received += uint64(len(p))
	s.datagrams++
	s.touch()
	if s.step == stepRelay && s.fd >= 0 {
		s.forward(p)
		return
	}
	if len(s.waiting) < udpWaiting && s.waitingBytes+len(p) <= udpWaitingBytes {
		s.waiting = append(s.waiting, append([]byte(nil), p...))
		s.waitingBytes += len(p)
	}
}

// touch notes that the session is alive.
func (s *udpSession) touch() {
	s.last = s.w.Loop.Now()
	if s.u.newest != s {
		s.u.pull(s)
		s.u.push(s)
	}
	if s.step == stepRelay {
		s.timer.After(s.target.read)
	}
}

// passes asks meters and filters; ok is false when the datagram is dropped.
func (s *udpSession) passes(way pdk.Direction, p []byte) (out []byte, ok bool) {
	plug := s.plug
	if plug == nil {
		return p, true
	}
	for _, m := range plug.stream.Meters() {
		if n, _ := m.Allow(way, len(p)); n < len(p) {
			return nil, false
		}
	}
	for _, f := range plug.stream.Filters() {
		var err error
		if p, err = filter(f, way, p); err != nil {
			s.logf(log.Error, "proxying datagrams", "%v", err)
			s.over(500)
			return nil, false
		}
		if p == nil {
			return nil, false
		}
	}
	for _, m := range plug.stream.Meters() {
		m.Moved(way, len(p))
	}
	return p, true
}

// forward sends a datagram to the upstream.
func (s *udpSession) forward(p []byte) {
	p, ok := s.passes(pdk.Upload, p)
	if !ok {
		return
	}
	switch err := loop.SendUDP(s.fd, p); err {
	case nil:
		s.upSent += uint64(len(p))
	case loop.ErrAgain: // the socket is full: lost, as datagrams may be
	default:
		s.refused(err)
	}
}

// refused: the upstream's host said that nobody listens, or there is no way to it.
func (s *udpSession) refused(err error) {
	if s.upReceived > 0 || s.step != stepRelay {
		return // it answered before; the next datagram may reach it again
	}
	s.logf(log.Error, "proxying datagrams", "%v: %v", errRefused, err)
	if p := s.plug; p != nil && len(p.k.Tries) > 0 {
		l := &p.k.Tries[len(p.k.Tries)-1]
		l.State, l.Code = "failed", 502
	}
	s.reportFailure(health.TCPFailure)
	s.over(502)
}

// Ready implements loop.Handler: the upstream answers.
func (s *udpSession) Ready(loop.Events) {
	in := s.w.answers
	for s.fd >= 0 && s.step == stepRelay {
		n, err := in.Receive(s.fd, false)
		if err == loop.ErrAgain {
			return
		}
		if err != nil {
			s.refused(err)
			return
		}
		for i := range n {
			s.passBack(in.Data(i))
		}
		if s.step != stepRelay {
			return
		}
		s.touch()
		if n < in.Room() {
			return
		}
	}
}

// passBack passes one datagram of the upstream on.
func (s *udpSession) passBack(p []byte) {
	if s.firstByte == 0 {
		s.firstByte = s.w.Loop.Now()
	}
	s.upReceived += uint64(len(p))
	p, ok := s.passes(pdk.Download, p)
	if !ok {
		return
	}
	s.answers++
	s.sent += uint64(len(p))
	s.u.send(p, &s.key)
}

func (s *udpSession) expired() { s.over(200) }

// secure implements transport: there is no DTLS.
func (s *udpSession) secure() plugin.Outcome { return plugin.Continue }

// connect implements transport.
func (s *udpSession) connect() plugin.Outcome {
	fd, err := loop.DialUDP(s.target.addr)
	if err == nil {
		if _, err = s.w.Loop.Register(fd, s, loop.Readable); err != nil {
			_ = unix.Close(fd)
		}
	}
	if err != nil {
		return s.tryFailed(err, health.TCPFailure)
	}
	s.fd = fd
	s.upstream = s.w.Loop.Now()
	return plugin.Continue
}

// relay implements transport.
func (s *udpSession) relay() plugin.Outcome {
	waiting := s.waiting
	s.waiting, s.waitingBytes = nil, 0
	s.timer.After(s.target.read)
	if len(waiting) == 0 {
		return plugin.Suspend
	}
	s.suspended = true // forward may end the session
	for _, p := range waiting {
		if s.step == stepRelay {
			s.forward(p)
		}
	}
	if s.step != stepRelay {
		s.suspended = false
		return plugin.Continue
	}
	return plugin.Suspend
}

// answer implements transport.
func (s *udpSession) answer(body []byte) {
	s.sent += uint64(len(body))
	s.answers++
	s.u.send(body, &s.key)
}

// hang implements transport.
func (s *udpSession) hang() {
	s.timer.Drop()
	if s.fd >= 0 {
		s.w.Loop.Unregister(s.fd)
		_ = unix.Close(s.fd)
		s.fd = -1
	}
	if s.u.table[s.key] == s {
		delete(s.u.table, s.key)
		s.u.pull(s)
	}
	s.waiting = nil
}
