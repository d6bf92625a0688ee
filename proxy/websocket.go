package proxy

import (
	"encoding/binary"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/websocket"
)

// The most a message may have unless a plugin says otherwise, in bytes.
const (
	clientMessage   = 1 << 20
	upstreamMessage = 16 << 20
)

// turnReads bounds how often one call reads, so that other connections get their turn.
const turnReads = 16

// webSocket is the connection of a ws or wss service. Where no plugin looks at
// frames it is a tunnel of bytes (tunnel.go) and this is just a mark; else the
// gateway is a WebSocket endpoint on either side:
//
//	client ─ read, unmask, join, inflate ─▶ ws_client_frame ─ deflate, mask ─▶ upstream
//	client ◀─ deflate ─ ws_upstream_frame ◀─ read, join, inflate ─ upstream
//
// One frame at a time has the handlers, whichever way it goes: while they wait
// nothing is read, and nothing is read either from a side whose frames the
// other one does not take.
type webSocket struct {
	r *request
	// inspect: the gateway reads frames.
	inspect bool
	// key and protocols are what the upstream was asked with, answer the
	// client's Sec-WebSocket-Extensions ("": no compression).
	key, protocols, answer string

	client, upstream endpoint
	c                upgraded
	u                *upstreamConn
	// busy: handlers have a frame of from. over: both connections are given up.
	busy, over bool
	from       *endpoint
	// payload keeps a frame that handlers have; out is what is to be written.
	payload, out []byte
}

// endpoint is one side of the connection.
type endpoint struct {
	conn   frameConn
	other  *endpoint
	phase  phase.Phase
	side   *pdk.WebSocketSide
	reader websocket.Reader
	limit  int // unless a plugin sets another
	// deflater compresses what is sent to this side, nil without compression.
	deflater *websocket.Deflater
	// masks: what is sent to this side is masked, as to a server.
	masks bool
	// in[at:] came and was not looked at yet.
	in []byte
	at int
	// closed: it sent a close frame. told: it was sent one.
	closed, told bool
}

// frameConn is what carries frames: an HTTP/1.1 connection after 101, or a
// stream of HTTP/2 (RFC 8441). Read gives loop.ErrAgain where nothing is there.
type frameConn interface {
	Read(p []byte) (int, error)
	// WriteSoon is loop.Conn's: frames of one round go out at its end.
	WriteSoon(p []byte) error
	Write(p []byte) error
	// Pending is how many bytes wait to be sent.
	Pending() int
}

// upgraded is a client's side after the upgrade: an HTTP/1.1 connection, or a
// stream of HTTP/2.
type upgraded interface {
	frameConn
	// takeOver sends the answer to the handshake and gives d what comes from now
	// on; early is what came already.
	takeOver(r *request, d duplex) (early []byte, err error)
	// again calls fromClient once others had their turn.
	again()
	// hangUp sends what waits and ends the connection; giveUp ends it at once.
	hangUp()
	giveUp()
}

// openWebSocket sends the 101 and lets frames pass.
func (r *request) openWebSocket() plugin.Outcome {
	s := r.socket
	s.c, s.u = r.client.(upgraded), r.up.(*upstreamConn)
	s.client.begin(s.c, &s.upstream, phase.WSClientFrame, &r.k.WebSocket.Client, clientMessage)
	s.upstream.begin(&s.u.Conn, &s.client, phase.WSUpstreamFrame, &r.k.WebSocket.Upstream, upstreamMessage)
	s.upstream.reader.FromServer, s.upstream.masks = true, true
	s.upstream.in = append(s.upstream.in, s.u.in...)
	s.u.in, s.u.tunnel = s.u.in[:0], s
	r.out.tunnelled = true
	r.w.sockets[s] = struct{}{}
	early, err := s.c.takeOver(r, s)
	if err != nil {
		s.part()
		r.step = stepFinish
		return plugin.Continue
	}
	s.client.in = append(s.client.in, early...)
	s.u.timer.After(r.target.read)
	s.again(&s.client) // what came with the heads is looked at once this step has ended
	s.again(&s.upstream)
	return plugin.Suspend
}

// takeOver implements upgraded.
func (c *clientConn) takeOver(r *request, d duplex) (early []byte, err error) {
	head := r.appendSwitching(r.w.Loop.Scratch[:0])
	r.HeadSent = 1
	r.BytesSent += uint64(len(head))
	c.tunnel, c.state = d, clientTunnel
	c.timer.Off()
	err = c.Write(head)
	r.w.Loop.Scratch = head[:0]
	early, c.in = c.in, nil
	return early, err
}

// again implements upgraded.
func (c *clientConn) again() {
	c.CanRead = true
	c.w.Loop.Again(c)
}

// hangUp implements upgraded.
func (c *clientConn) hangUp() {
	c.tunnel = nil
	c.finished(false)
}

// giveUp implements upgraded.
func (c *clientConn) giveUp() {
	c.tunnel = nil
	c.close()
}

func (e *endpoint) begin(conn frameConn, other *endpoint, ph phase.Phase, side *pdk.WebSocketSide, limit int) {
	e.conn, e.other, e.phase, e.side, e.limit = conn, other, ph, side, limit
	e.reader.Later = muchToInflate
}

// fromClient, fromUpstream, drained and upDrained implement duplex.
func (s *webSocket) fromClient()         { s.pump(&s.client) }
func (s *webSocket) fromUpstream()       { s.pump(&s.upstream) }
func (s *webSocket) drained(*clientConn) { s.pump(&s.upstream) }
func (s *webSocket) upDrained()          { s.pump(&s.client) }

func (s *webSocket) w() *Worker { return s.r.w }

// pump reads frames of e, runs handlers on them and passes them on, until
// there is nothing, the handlers wait, or the other side is behind.
func (s *webSocket) pump(e *endpoint) {
	for reads := 0; !s.busy && !s.over && !e.closed; {
		if e.other.conn.Pending() > 0 {
			return
		}
		b, kept := e.in[e.at:], true
		if len(b) == 0 {
			if reads++; reads > turnReads {
				s.again(e)
				return
			}
			b, kept = s.w().Loop.Buffer, false
			n, err := e.conn.Read(b)
			if err == loop.ErrAgain {
				return
			}
			if err != nil {
				s.vanished(e)
				return
			}
			b = b[:n]
			if !s.client.told && !s.upstream.told { // else closePatience runs
				s.u.timer.After(s.r.target.read)
			}
			if e == &s.client {
				s.r.RequestLength += uint64(n)
			}
		}
		used := s.frames(e, b)
		switch {
		case kept:
			if e.at += used; e.at == len(e.in) {
				e.in, e.at = e.in[:0], 0
			}
		case used < len(b):
			e.in = append(e.in[:0], b[used:]...)
		}
	}
}

// again has e pumped once others had their turn.
func (s *webSocket) again(e *endpoint) {
	if e == &s.client {
		s.c.again()
	} else {
		s.u.CanRead = true
		s.w().Loop.Again(s.u)
	}
}

// frames takes frames off b until handlers wait; it says how much it took.
func (s *webSocket) frames(e *endpoint, b []byte) (used int) {
	for used < len(b) && !s.busy && !s.over && !e.closed {
		if e.reader.Limit = e.side.MaxPayloadSize(); e.reader.Limit == 0 {
			e.reader.Limit = e.limit
		}
		n, m, ok, err := e.reader.Next(b[used:])
		used += n
		if err != nil {
			s.flush(e)
			s.broken(e, err)
			return used
		}
		if ok {
			s.handle(e, &m)
			if len(s.out) >= 32<<10 {
				s.flush(e)
			}
		}
	}
	if !s.over {
		s.flush(e)
	}
	return used
}

// handle takes one frame on its way.
func (s *webSocket) handle(e *endpoint, m *websocket.Message) {
	s.from = e
	if len(m.Payload) <= len(s.w().Loop.Buffer) {
		s.payload = append(s.payload[:0], m.Payload...) // it may lie in what is read into next
		m.Payload = s.payload
	}
	if !m.Packed {
		s.run(e, m)
		return
	}
	packed, err := *m, error(nil)
	s.elsewhere(func() { err = e.reader.Unpack(&packed) }, func() {
		if err != nil {
			s.broken(e, err)
			return
		}
		s.run(e, &packed)
	})
}

// elsewhere runs what takes long off the loop; then goes on with back.
func (s *webSocket) elsewhere(job, back func()) {
	s.busy = true
	e := s.from
	s.w().Loop.Go(job, func() {
		s.busy = false
		if s.over { // one side went away meanwhile
			s.done()
			return
		}
		back()
		s.proceed(e)
	})
}

// proceed goes on after something that waited for a frame of e.
func (s *webSocket) proceed(e *endpoint) {
	if !s.over {
		s.flush(e)
	}
	s.pump(e.other)
	s.pump(e)
}

// run runs the handlers on one frame.
func (s *webSocket) run(e *endpoint, m *websocket.Message) {
	s.r.k.WebSocket.Begin(pdk.Frame{Type: m.Op, Data: m.Payload, Status: m.Code})
	s.busy = true
	out := s.r.run.Frame(&s.r.k, e.phase)
	if out == plugin.Suspend {
		return
	}
	s.busy = false
	s.settle(out)
}

// resumed goes on after handlers that waited.
func (s *webSocket) resumed(out plugin.Outcome) {
	if out == plugin.Continue {
		out = s.r.run.Phase(&s.r.k, s.from.phase)
		if out == plugin.Suspend {
			return
		}
	}
	s.busy = false
	if s.over { // one side went away meanwhile
		s.done()
		return
	}
	e := s.from
	s.settle(out)
	s.proceed(e)
}

// settle does what the handlers want: the frame goes on, or not, or all ends.
func (s *webSocket) settle(out plugin.Outcome) {
	w, e := s.r.k.WebSocket, s.from
	switch {
	case out == plugin.Fail:
		s.flush(e)
		s.close(e, websocket.InternalError, "", websocket.InternalError, "")
	case w.Closing != nil:
		s.flush(e)
		s.close(e, w.Closing.Status, w.Closing.Message, w.Closing.OtherStatus, w.Closing.OtherReason)
	case w.Dropped:
	default:
		s.forward(e, &w.InFlight, w.Edited)
	}
	if cap(s.payload) > keepPayload {
		s.payload = nil
	}
}

// keepPayload is the largest buffer that an idle connection keeps.
const keepPayload = 8 << 10

// forward appends f to what the other side gets.
func (s *webSocket) forward(e *endpoint, f *pdk.Frame, edited bool) {
	if edited {
		if err := pdk.CheckFrameData(f.Type, f.Data); err != nil {
			s.r.k.Failure("websocket", e.phase.String(), err)
			s.flush(e)
			s.close(e, websocket.InternalError, "", websocket.InternalError, "")
			return
		}
	}
	to := e.other
	if f.Type == websocket.Close {
		e.closed = true
		if !to.told {
			s.append(to, websocket.Close, websocket.AppendClosePayload(nil, f.Status, string(f.Data)), 0)
			to.told = true
		}
		s.flush(e)
		if e.told && to.closed {
			s.leave()
		} else if !s.over {
			s.u.timer.After(closePatience)
		}
		return
	}
	switch d := to.deflater; {
	case to.told:
	case d == nil || f.Type.Control() || len(f.Data) < worthDeflating:
		s.append(to, f.Type, f.Data, 0)
	case len(f.Data) < muchToDeflate:
		s.append(to, f.Type, d.Append(nil, f.Data), compressed)
	default:
		var packed []byte
		op, data := f.Type, f.Data
		s.elsewhere(func() { packed = d.Append(nil, data) }, func() {
			if !to.told {
				s.append(to, op, packed, compressed)
			}
		})
	}
}

// append appends a frame for e to out.
func (s *webSocket) append(e *endpoint, op websocket.Opcode, payload []byte, rsv uint8) {
	h := websocket.Header{Fin: true, RSV: rsv, Op: op, Masked: e.masks}
	if e.masks {
		binary.LittleEndian.PutUint32(h.Key[:], uint32(s.w().random.Uint64()))
	}
	s.out = websocket.AppendFrame(s.out, h, payload)
}

// Sizes of messages in bytes: from worthDeflating on they are compressed, from
// muchToDeflate on not on the loop. muchToInflate is the same for what comes.
const (
	worthDeflating = 64
	muchToDeflate  = 16 << 10
	muchToInflate  = 4 << 10
)

// compressed is the reserved bit that marks a compressed message.
const compressed = 4

// flush writes what frames from e made for the other side.
func (s *webSocket) flush(e *endpoint) {
	if len(s.out) == 0 {
		return
	}
	err := s.write(e.other)
	if err != nil && !s.over {
		s.vanished(e.other)
	}
}

func (s *webSocket) write(to *endpoint) error {
	err := to.conn.WriteSoon(s.out)
	if to == &s.client {
		s.r.BytesSent += uint64(len(s.out))
		s.r.BodyBytesSent += uint64(len(s.out))
	}
	if s.out = s.out[:0]; cap(s.out) > keepPayload {
		s.out = nil
	}
	return err
}
