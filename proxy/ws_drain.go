package proxy

import (
	"encoding/binary"

	"github.com/gibbon-gateway/gibbon/wire/websocket"
)

// A gateway that quits ends its WebSockets with 1001 (going away) on both
// sides, and waits for the closing handshake for closePatience at most. It does
// so for ws and wss services alone: the upgraded connection of any other service
// may speak anything, so it goes on until worker_shutdown_timeout.

// closable is a WebSocket that can be told that the gateway goes away. goAway
// is called again until the connection is over; what cannot be told now is then.
type closable interface{ goAway() }

// closeSockets tells every WebSocket that the gateway goes away.
func (w *Worker) closeSockets() {
	for s := range w.sockets {
		s.goAway()
	}
}

// goAway implements closable. While handlers have a frame, it waits for them.
func (s *webSocket) goAway() {
	if s.over || s.busy || s.client.told || s.upstream.told {
		return
	}
	s.tell(&s.client, websocket.GoingAway, "")
	s.tell(&s.upstream, websocket.GoingAway, "")
	s.u.timer.After(closePatience)
}

// leaving is the part of a tunnel to a ws service: both directions' frames are
// followed, so that the close frames of a draining gateway do not get into another one.
type leaving struct {
	// down and up follow what the client, and what the upstream gets.
	down, up websocket.Follower
	// begun: the gateway goes away. toldClient and toldUpstream: that side has our close frame.
	begun, toldClient, toldUpstream bool
}

// goAway implements closable.
func (t *tunnel) goAway() {
	l := &t.frames
	if t.done || l.begun {
		return
	}
	l.begun = true
	t.u.timer.After(closePatience)
	if l.down.Closed() || l.up.Closed() { // they are ending it
		l.toldClient, l.toldUpstream = true, true
		return
	}
	if l.down.Between() {
		t.tell(true)
	}
	if l.up.Between() {
		t.tell(false)
	}
}

// tell writes a close frame to the client (down) or the upstream.
func (t *tunnel) tell(down bool) {
	h := websocket.Header{Fin: true, Op: websocket.Close}
	payload := websocket.AppendClosePayload(nil, websocket.GoingAway, "")
	if down {
		t.frames.toldClient = true
		b := websocket.AppendFrame(nil, h, payload)
		t.sent += uint64(len(b))
		_ = t.c.Write(b) // if it fails, reading does
		return
	}
	t.frames.toldUpstream = true
	h.Masked = true
	binary.LittleEndian.PutUint32(h.Key[:], uint32(t.r.w.random.Uint64()))
	_ = t.u.Write(websocket.AppendFrame(nil, h, payload))
}

// rest says how much of p still goes to the client (down) or the upstream: the
// end of a frame that is under way, nothing behind our close frame.
func (t *tunnel) rest(p []byte, down bool) []byte {
	l := &t.frames
	f, told := &l.up, l.toldUpstream
	if down {
		f, told = &l.down, l.toldClient
	}
	if !l.begun {
		f.Pass(p)
		return p
	}
	n := 0
	if !told {
		n = f.Until(p)
	}
	f.Pass(p[n:])
	return p[:n]
}

// passed goes on after a piece has passed in a direction once begun: our close frame
// goes behind it if a frame ended there. It says whether the connection is over.
func (t *tunnel) passed(down bool) (over bool) {
	l := &t.frames
	told, f := l.toldUpstream, &l.up
	if down {
		told, f = l.toldClient, &l.down
	}
	if !told && f.Between() {
		t.tell(down)
	}
	return l.down.Closed() && l.up.Closed() && l.toldClient && l.toldUpstream
}
