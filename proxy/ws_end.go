package proxy

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/websocket"
)

// closePatience is how long a side may take to answer a close frame, in nanoseconds.
const closePatience = 5e9

// end implements duplex: the client's socket broke.
func (s *webSocket) end() { s.vanished(&s.client) }

// expired implements duplex: nothing came for the service's read_timeout, or
// no answer to a close frame.
func (s *webSocket) expired() {
	if !s.over && !s.client.told && !s.upstream.told {
		s.w().srv.Log.Infof("websocket: nothing came for %d ms, client: %s", s.r.target.read/1e6, s.r.Flow.Peer)
	}
	s.finish(websocket.GoingAway, "", websocket.GoingAway, "")
}

// broken ends a connection because of what e sent.
func (s *webSocket) broken(e *endpoint, err error) {
	var wrong *websocket.Error
	if !errors.As(err, &wrong) {
		wrong = &websocket.Error{Code: websocket.ProtocolError}
	}
	s.w().srv.Log.Infof("%v in %s, client: %s", err, e.phase, s.r.Flow.Peer)
	s.close(e, wrong.Code, wrong.Reason, websocket.GoingAway, "")
}

// vanished: e's socket ended. Without a close frame before, the other side is
// told: a client that is gone is 1001, an upstream 1011.
func (s *webSocket) vanished(e *endpoint) {
	if s.over {
		return
	}
	e.told = true // no use writing
	code := websocket.GoingAway
	if e == &s.upstream {
		code = websocket.InternalError
	} else {
		s.r.ClientGone = !e.closed
	}
	e.closed = true
	s.close(e, code, "", code, "")
}

// close is finish with what is for e and for the other side.
func (s *webSocket) close(e *endpoint, status int, reason string, otherStatus int, otherReason string) {
	if e == &s.client {
		s.finish(status, reason, otherStatus, otherReason)
	} else {
		s.finish(otherStatus, otherReason, status, reason)
	}
}

// finish sends close frames to the sides that were not sent one, and ends.
func (s *webSocket) finish(client int, clientReason string, upstream int, upstreamReason string) {
	if s.over {
		return
	}
	s.tell(&s.client, client, clientReason)
	s.tell(&s.upstream, upstream, upstreamReason)
	s.leave()
}

func (s *webSocket) tell(e *endpoint, status int, reason string) {
	if e.told {
		return
	}
	e.told = true
	s.out = s.out[:0]
	s.append(e, websocket.Close, websocket.AppendClosePayload(nil, status, reason), 0)
	_ = s.write(e) // it ends anyway
}

// leave parts from both sockets; the exchange ends once no handler has it.
func (s *webSocket) leave() {
	if s.over {
		return
	}
	s.part()
	if !s.busy {
		s.done()
	}
}

// part lets both connections say what they still have to say, and close.
func (s *webSocket) part() {
	s.over = true
	delete(s.w().sockets, s)
	s.u.tunnel = nil
	s.u.detach()
	s.u.retire()
	s.c.hangUp()
}

// done ends the exchange; not from within its own steps.
func (s *webSocket) done() {
	s.r.step = stepFinish
	s.r.resume()
}

// retiring is an upstream connection that is over for its request: what waits is
// written, and what comes is dropped until the upstream closes.
type retiring struct {
	u       *upstreamConn
	dropped int
}

// retirement bounds it, in nanoseconds and bytes.
const (
	retirement     = 2e9
	retirementDrop = 1 << 20
)

// retire ends a connection without a reset, which could overtake what was written.
func (u *upstreamConn) retire() {
	if u.Closed() {
		return
	}
	t := &retiring{u: u}
	u.tunnel = t
	u.timer.After(retirement)
	if u.HungUp {
		u.CanRead = true
	}
	u.WriteNow()
	if u.Pending() == 0 {
		t.upDrained()
	}
	t.fromUpstream()
}

func (t *retiring) fromClient()         {}
func (t *retiring) drained(*clientConn) {}
func (t *retiring) end()                {}
func (t *retiring) expired()            { t.u.close() }

func (t *retiring) upDrained() {
	if l := t.u.Layer; l != nil {
		_ = l.CloseWrite()
	}
	_ = t.u.shutdownWrite()
}

func (t *retiring) fromUpstream() {
	for t.u.CanRead && !t.u.Closed() {
		n, err := t.u.RawRead(t.u.w.Loop.Buffer)
		if err == loop.ErrAgain {
			return
		}
		if t.dropped += n; err != nil || t.dropped > retirementDrop {
			t.u.close()
		}
	}
}
