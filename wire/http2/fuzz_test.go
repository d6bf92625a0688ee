package http2

import (
	"bytes"
	"testing"

	xhttp2 "golang.org/x/net/http2"
)

// FuzzServer and FuzzClient feed frames to a connection whose handler echoes.
// Whatever comes, memory stays bounded, the output can be read, and with the
// socket everything ends.

func FuzzServer(f *testing.F) {
	for _, b := range seeds(f, true) {
		f.Add(b, uint16(0))
		f.Add(b, uint16(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		m := newMem(t, true, Options{MaxStreams: 4, ExtendedConnect: true, Budget: 300})
		e := &echo{c: m.c, wake: func() { m.woken = true }}
		defer e.regs.Close()
		m.c.h = e
		m.c.pool.Read = nil
		drive(t, m, b, int(cut))
	})
}

func FuzzClient(f *testing.F) {
	for _, b := range seeds(f, false) {
		f.Add(b, uint16(0))
		f.Add(b, uint16(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		m := newMem(t, false, Options{Budget: 300})
		m.on.readable = func(s *Stream) {
			s.Consume(len(s.Buffered()) / 2)
			if s.Ended() {
				s.Close()
			}
		}
		m.on.head = func(s *Stream, h *Head) {
			if h.End {
				s.Close()
			}
		}
		m.on.writable = func(s *Stream) { _, _ = s.Write(make([]byte, 30_000), true) }
		m.on.reset = func(s *Stream, r *Reset) { s.Close() }
		var all []*Stream
		for i := 0; i < 3; i++ {
			s := m.openRequest("POST", i == 0)
			if i > 0 {
				m.on.writable(s)
			}
			all = append(all, s)
		}
		m.sent()
		drive(t, m, b, int(cut))
		for _, s := range all {
			if s.c == m.c {
				s.Close()
			}
		}
	})
}

// drive feeds b in pieces of cut bytes, and checks what must always hold.
func drive(t *testing.T, m *mem, b []byte, cut int) {
	if cut == 0 {
		cut = len(b)
	}
	for len(b) > 0 && !m.c.Finished() {
		n := min(cut, len(b))
		_ = m.c.Feed(b[:n])
		b = b[n:]
		m.flush()
		if m.c.buffered < 0 || m.c.buffered > m.c.o.ConnWindow || m.c.recvWindow < 0 || cap(m.c.in) > keepCap || len(m.c.block) > m.c.o.MaxHeaderList {
			t.Fatalf("buffered %d, window %d, frame %d, block %d", m.c.buffered, m.c.recvWindow, cap(m.c.in), len(m.c.block))
		}
		if m.c.Streams() > m.c.o.MaxStreams || m.c.Held() > 2*m.c.o.MaxStreams {
			t.Fatalf("%d streams, %d held", m.c.Streams(), m.c.Held())
		}
		m.now += 1e6
		m.c.Tick()
	}
	m.sent()
	m.c.Lost(nil)
	if m.c.Streams() != 0 {
		t.Fatalf("%d streams are left", m.c.Streams())
	}
	if e, ok := m.c.h.(*echo); ok && m.c.Held() != 0 {
		t.Fatalf("%d streams are held by %v", m.c.Held(), e)
	}
	if m.c.Held() == 0 && m.c.buffered != 0 {
		t.Fatalf("%d bytes are left", m.c.buffered)
	}
}

// seeds are byte streams of a peer that mostly keeps to the rules.
func seeds(f *testing.F, server bool) [][]byte {
	m := newMem(f, server, Options{})
	var list [][]byte
	take := func() {
		list = append(list, bytes.Clone(m.in.Bytes()))
		m.in.Reset()
	}
	if server {
		m.get(1, true, "a: b", "cookie: x", "cookie: y")
		m.headers(3, false, ":method: POST", ":scheme: http", ":authority: a.test", ":path: /p", "content-length: 10", "expect: 100-continue")
		m.data(3, 4, false)
		m.data(3, 6, true)
	} else {
		m.headers(1, false, ":status: 103", "link: x")
		m.headers(1, false, ":status: 200", "content-length: 10")
		m.data(1, 10, true)
		m.headers(3, true, ":status: 204")
	}
	take()
	m.headers(1, false, ":method: POST", ":scheme: http", ":authority: a.test", ":path: /p")
	_ = m.fr.WriteDataPadded(1, false, make([]byte, 100), make([]byte, 20))
	m.headers(1, true, "trailer: x")
	take()
	_ = m.fr.WriteSettings(xhttp2.Setting{ID: 1, Val: 100}, xhttp2.Setting{ID: 3, Val: 1}, xhttp2.Setting{ID: 4, Val: 5}, xhttp2.Setting{ID: 5, Val: 1 << 20})
	m.get(1, true)
	_ = m.fr.WriteWindowUpdate(1, 5)
	_ = m.fr.WriteWindowUpdate(0, 1<<30)
	_ = m.fr.WritePing(false, [8]byte{1})
	_ = m.fr.WriteRSTStream(1, 8)
	_ = m.fr.WriteGoAway(1, 0, []byte("bye"))
	take()
	_ = m.fr.WriteHeaders(xhttp2.HeadersFrameParam{
		StreamID: 1, EndStream: true, BlockFragment: m.block(":method: GET", ":scheme: http", ":authority: a.test"), PadLength: 3,
		Priority: xhttp2.PriorityParam{StreamDep: 0, Weight: 3},
	})
	_ = m.fr.WriteContinuation(1, false, m.block(":path: /x"))
	_ = m.fr.WriteContinuation(1, true, m.block("a: b"))
	_ = m.fr.WritePriority(3, xhttp2.PriorityParam{StreamDep: 1})
	_ = m.fr.WriteRawFrame(99, 255, 7, []byte("unknown"))
	take()
	return list
}
