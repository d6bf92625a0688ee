package stream

import (
	"crypto/x509"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/clienthello"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

type tcpState uint8

const (
	tcpAhead   tcpState = iota // waits for a PROXY header or a ClientHello
	tcpPlugins                 // plugins or the balancer have it; bytes wait in the kernel
	tcpRelay                   // bytes pass both ways
	tcpHeld                    // a plugin took bytes: what still comes is dropped
	tcpClosing                 // the answer is written, the client may still read it
)

// tcpSession is a session over TCP, with TLS or without.
type tcpSession struct {
	session
	client, up       end
	upload, download direction
	state            tcpState
	// timer is that of the current state; pace wakes what meters hold back.
	timer loop.Timer
	pace  *loop.Timer
	// in is what was read ahead of the relay; inEnd: the client's end came with it.
	in      []byte
	inEnd   bool
	scanner *clienthello.Scanner
	// proxied: the PROXY header was read. shaking: a handshake has the socket of one side.
	proxied, shaking bool
	// authorities are those that the client's certificate is checked against.
	authorities *x509.CertPool
	// await is the plugin that waits for bytes in preread.
	await func(error)
	// linger: something was sent that the client should be able to read.
	linger bool
	moved  bool // since the timer was set
}

// end is one of a session's two connections.
type end struct {
	loop.Conn
	t *tcpSession
	// failed is an error that Read found after bytes that came before it.
	failed error
}

func (e *end) open() bool { return e.L != nil && !e.Closed() }

// acceptTCP takes over an accepted socket.
func (w *Worker) acceptTCP(fd int, l *Listener, peer, local netip.AddrPort) {
	if m := w.srv.Options.MaxConnections; m > 0 && w.count >= m {
		w.srv.Log.Printf(log.Alert, nil, "%d sessions are not enough: refusing %s", m, peer)
		_ = unix.Close(fd)
		return
	}
	t := &tcpSession{}
	t.client.t, t.up.t = t, t
	t.upload = direction{t: t, from: &t.client, to: &t.up, way: pdk.Upload}
	t.download = direction{t: t, from: &t.up, to: &t.client, way: pdk.Download}
	if err := t.client.Open(w.Loop, fd, &t.client); err != nil {
		w.srv.Log.Errorf("cannot watch an accepted connection: %v", err)
		_ = unix.Close(fd)
		return
	}
	t.begin(w, l, t, peer, local)
	t.timer.Init(w.Loop, t.expired)
	if l.ProxyProtocol || l.TLS != nil {
		t.timer.After(w.srv.Options.PrereadTimeout)
		return
	}
	t.state = tcpPlugins
	t.resume()
}

// Ready implements loop.Handler for both sides.
func (e *end) Ready(ev loop.Events) {
	t := e.t
	e.Note(ev)
	if e.L == nil || e.Closed() {
		return
	}
	if e.Connecting {
		if ev&(loop.Writable|loop.HangUp) != 0 {
			t.dialDone(e.Connected())
		}
		return
	}
	if ev&loop.Writable != 0 && e.Pending() > 0 {
		if err := e.Flush(); err != nil {
			t.broken(e, err)
			return
		}
	}
	switch t.state {
	case tcpAhead:
		t.readAhead()
	case tcpPlugins:
		t.awaited()
	case tcpRelay:
		t.pump()
	case tcpHeld:
		t.drop()
	case tcpClosing:
		t.lingering()
	}
}

// connect implements transport.
func (t *tcpSession) connect() plugin.Outcome {
	t.up.failed = nil
	if err := t.up.Dial(t.w.Loop, t.target.addr, &t.up); err != nil {
		return t.tryFailed(err, health.TCPFailure)
	}
	t.timer.After(t.target.connect)
	if t.up.Connecting {
		return plugin.Suspend
	}
	return t.connected()
}

// dialDone ends a connect that took its time.
func (t *tcpSession) dialDone(err error) {
	if err != nil {
		t.up.Close()
		t.after(t.tryFailed(err, health.TCPFailure))
		return
	}
	t.after(t.connected())
}

// after goes on with what a step in a callback came to.
func (t *tcpSession) after(out plugin.Outcome) {
	if out != plugin.Continue {
		return
	}
	if t.step == stepConnect {
		t.step = stepRelay
	}
	t.resume()
}

// connected goes on to TLS where the service wants it.
func (t *tcpSession) connected() plugin.Outcome {
	if t.entry.Service.Protocol == "tls" && !t.passthrough && !t.overrides().NoTLS {
		return t.secureUpstream()
	}
	t.upstream = t.w.Loop.Now()
	return plugin.Continue
}

// expired is the timer of the current state.
func (t *tcpSession) expired() {
	switch {
	case t.state == tcpClosing:
		t.closeClient()
	case t.state == tcpPlugins && t.await != nil:
		t.wake(pdk.ErrStreamTimeout)
	case t.step == stepConnect:
		t.up.Close()
		t.after(t.tryFailed(errConnectTimeout, health.TimeoutFailure))
	case t.state == tcpAhead:
		t.logf(log.Info, "reading ahead", "client timed out")
		t.ended = true
		t.over(400)
	case t.state == tcpRelay, t.state == tcpHeld:
		t.logf(log.Info, "proxying connection", "connection timed out")
		t.over(200)
	}
}

// answer implements transport.
func (t *tcpSession) answer(body []byte) {
	if !t.client.open() {
		return
	}
	if t.client.Write(body) == nil {
		t.sent += uint64(len(body))
		t.linger = true
	}
}

// hang implements transport.
func (t *tcpSession) hang() {
	t.timer.Off()
	if t.pace != nil {
		t.pace.Drop()
	}
	if t.state < tcpRelay && (t.l.TLS == nil || t.passthrough || t.flow.TLS != nil) {
		t.received += uint64(len(t.in)) // not those that only TLS has seen
	}
	t.in, t.scanner, t.await = nil, nil, nil
	t.upSent -= min(t.upSent, t.upload.abandon())
	t.sent -= min(t.sent, t.download.abandon())
	if t.up.open() {
		t.up.Close()
	}
	if !t.client.open() {
		t.timer.Drop()
		return
	}
	if !t.linger || t.gone {
		t.closeClient()
		return
	}
	t.state = tcpClosing
	t.timer.After(lingerTime)
	t.lingering()
}

// lingerTime is how long a connection that was answered takes and drops what
// the client still sends, so that it can read the answer before a reset.
const lingerTime = 5e9

// lingering goes on closing: the rest of the answer, our end, then the client's.
func (t *tcpSession) lingering() {
	if t.client.Pending() > 0 {
		return
	}
	if t.linger {
		t.linger = false
		if t.client.Layer != nil {
			_ = t.client.Layer.CloseWrite()
		}
		if t.client.Shutdown() != nil {
			t.closeClient()
			return
		}
	}
	t.drop()
}

// drop reads and forgets what the client sends.
func (t *tcpSession) drop() {
	for t.client.CanRead {
		_, err := t.client.RawRead(t.w.Loop.Buffer)
		if err == loop.ErrAgain {
			return
		}
		if err != nil {
			if t.state == tcpHeld {
				t.over(200)
			} else {
				t.closeClient()
			}
			return
		}
	}
}

func (t *tcpSession) closeClient() {
	t.timer.Drop()
	if t.client.Layer != nil && t.client.Pending() == 0 {
		_ = t.client.Layer.CloseWrite()
	}
	t.client.Close()
}

// broken ends a session one side of which failed. The other one gets a reset,
// so that it does not take a part for the whole.
func (t *tcpSession) broken(e *end, err error) {
	if t.state != tcpRelay {
		if e == &t.client && t.state == tcpClosing {
			t.closeClient()
			return
		}
		t.gone = true // whoever has the session finds out
		return
	}
	side, other := "client", &t.up
	if e == &t.up {
		side, other = "upstream", &t.client
	}
	t.logf(log.Info, "proxying connection", "the %s failed: %v", side, err)
	if err != io.EOF && other.open() {
		other.Reset()
	}
	t.over(200)
}
