package proxy

import (
	"io"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// duplex is what has both connections after an upgrade: a tunnel of bytes, or
// a webSocket whose frames plugins see.
type duplex interface {
	// fromClient and fromUpstream: there is something to read.
	fromClient()
	fromUpstream()
	// drained and upDrained: the client, the upstream took what waited.
	drained(*clientConn)
	upDrained()
	// expired: the upstream connection's timer.
	expired()
	// end: the client's connection broke, or has to go.
	end()
}

// tunnel passes bytes both ways after 101 Switching Protocols (RFC 9110
// section 7.8). The exchange lives until the tunnel ends; then log runs.
type tunnel struct {
	r *request
	c upgraded
	u *upstreamConn
	l *loop.Loop
	// timeout between bytes, nanoseconds.
	timeout int64
	// received and sent count bytes from and to the client, for the log: here, where they are at hand.
	received, sent uint64
	done           bool
	// clientEnd and upEnd: that side has sent its end.
	clientEnd, upEnd bool
	// ws: the service is for WebSockets; frames follows theirs then.
	ws     bool
	frames leaving
}

// upgrade turns both connections into a tunnel; b[:n] is the 101 head.
func (u *upstreamConn) upgrade(b []byte, n int) bool {
	r := u.r
	u.gotHead = true
	r.Times.UpstreamHead = u.w.Loop.Now()
	u.dec.Begin(message.BodyNone, 0)
	u.keep = false
	if err := r.adoptResponse(b); err != nil {
		u.broken(err)
		return false
	}
	u.in = append(u.in[:0], b[n:]...)
	r.out.upgraded = true
	r.keep = false
	r.resume()
	return false
}

// openTunnel is streamBody's part for an upgraded exchange: it sends the 101
// and lets bytes pass.
func (r *request) openTunnel() plugin.Outcome {
	c, u := r.client.(upgraded), r.up.(*upstreamConn)
	t := &tunnel{r: r, c: c, u: u, l: r.w.Loop, timeout: r.target.read, ws: r.socket != nil}
	u.tunnel = t
	if t.ws {
		r.w.sockets[t] = struct{}{}
	}
	r.out.tunnelled = true
	early, err := c.takeOver(r, t)
	if err == nil && len(u.in) > 0 {
		err = c.Write(u.in)
	}
	if err == nil && len(early) > 0 {
		err = u.Write(early)
	}
	if t.ws {
		t.frames.down.Pass(u.in)
		t.frames.up.Pass(early)
	}
	if err != nil {
		t.end()
		return plugin.Continue // with finish, the step that end set
	}
	u.in = u.in[:0]
	u.timer.After(t.timeout)
	c.again()
	r.w.Loop.Again(u)
	return plugin.Suspend
}

// appendSwitching appends the 101 head with the upstream's Upgrade.
func (r *request) appendSwitching(dst []byte) []byte {
	dst = http1.AppendStatusLine(dst, 101, r.Bytes(r.Reason))
	dst = http1.AppendField(dst, "Connection", "upgrade")
	if up := r.Get(&r.Response, "upgrade"); up != "" {
		dst = http1.AppendField(dst, "Upgrade", up)
	}
	dst = http1.AppendFields(dst, r.Shared, &r.Response, &r.w.skip.response)
	return append(dst, "\r\n"...)
}

// fromClient and fromUpstream move what one side sent.
func (t *tunnel) fromClient()   { t.move(t.c, &t.u.Conn, &t.clientEnd, false) }
func (t *tunnel) fromUpstream() { t.move(&t.u.Conn, t.c, &t.upEnd, true) }

func (t *tunnel) move(from, to frameConn, ended *bool, down bool) {
	b := t.l.Buffer
	for !t.done && to.Pending() == 0 && !*ended {
		n, err := from.Read(b)
		if err == loop.ErrAgain {
			break
		}
		if err != nil {
			*ended = true
			if down && t.frames.begun {
				t.part()
				return
			}
			if err != io.EOF || t.clientEnd && t.upEnd || down {
				t.end()
				return
			}
			_ = t.u.shutdownWrite()
			return
		}
		p := b[:n]
		if !t.frames.begun {
			t.u.timer.After(t.timeout)
		}
		if t.ws {
			p = t.rest(p, down)
		}
		if down {
			t.sent += uint64(n)
		} else {
			t.received += uint64(n)
		}
		if len(p) > 0 && to.Write(p) != nil {
			if !down {
				t.u.HungUp = true // though its edge was not seen yet
				t.fromUpstream()  // what it said before it closed
			}
			t.end()
			return
		}
		if t.frames.begun && t.passed(down) {
			t.part()
			return
		}
	}
}

// drained: the client took what waited, so the upstream may send more.
func (t *tunnel) drained(*clientConn) { t.fromUpstream() }
func (t *tunnel) upDrained()          { t.fromClient() }
func (t *tunnel) expired() {
	if t.frames.begun {
		t.part()
		return
	}
	t.end()
}

// end closes both sides and lets the exchange be logged. part is the same, but
// what was written is sent.
func (t *tunnel) end() {
	if u := t.u; t.leave() {
		u.close()
		t.c.giveUp()
		t.log()
	}
}

func (t *tunnel) part() {
	if u := t.u; t.leave() {
		u.retire()
		t.c.hangUp()
		t.log()
	}
}

func (t *tunnel) leave() bool {
	if t.done {
		return false
	}
	t.done = true
	t.r.BytesSent += t.sent
	t.r.BodyBytesSent += t.sent
	t.r.RequestLength += t.received
	delete(t.r.w.sockets, t)
	t.u.tunnel = nil
	t.u.detach()
	return true
}

func (t *tunnel) log() {
	t.r.step = stepFinish
	t.r.resume()
}
