package http2

import (
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
)

// TestFloods: frames that do nothing end the connection, soon.
func TestFloods(t *testing.T) {
	floods := []struct {
		name string
		// frame writes the i-th frame of the flood.
		frame func(m *mem, i int)
		// most is how many may pass at once, few how many must.
		most, few int
	}{
		{"PING", func(m *mem, i int) { _ = m.fr.WritePing(false, [8]byte{}) }, 2001, 1000},
		{"SETTINGS", func(m *mem, i int) { _ = m.fr.WriteSettings() }, 501, 100},
		{"PRIORITY", func(m *mem, i int) { _ = m.fr.WritePriority(1, xhttp2.PriorityParam{}) }, 2001, 1000},
		{"unknown", func(m *mem, i int) { _ = m.fr.WriteRawFrame(99, 0, 0, nil) }, 2001, 1000},
		{"WINDOW_UPDATE", func(m *mem, i int) { _ = m.fr.WriteWindowUpdate(0, 1) }, 2001, 1000},
		{"empty DATA", func(m *mem, i int) {
			if i == 0 {
				m.get(1, false)
			}
			m.data(1, 0, false)
		}, 501, 100},
		{"rapid reset", func(m *mem, i int) {
			m.get(uint32(2*i+1), true)
			_ = m.fr.WriteRSTStream(uint32(2*i+1), xhttp2.ErrCodeCancel)
		}, 501, 200},
		{"malformed requests", func(m *mem, i int) { m.get(uint32(2*i+1), true, "Upper: x") }, 501, 200},
		{"resets provoked", func(m *mem, i int) {
			m.get(uint32(2*i+1), true)
			_ = m.fr.WriteWindowUpdate(uint32(2*i+1), 0)
		}, 501, 200},
		{"refused streams", func(m *mem, i int) { m.get(uint32(2*i+1), true) }, 129 + 501, 129},
		{"GOAWAY", func(m *mem, i int) {
			if i == 0 {
				m.get(1, false)
			}
			_ = m.fr.WriteGoAway(0, 0, nil)
		}, 501, 100},
	}
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) {
			m := newMem(t, true, Options{})
			m.on.reset = func(s *Stream, r *Reset) { s.Close() }
			i := 0
			for ; i < 10_000; i++ {
				f.frame(m, i)
				if m.feed() != nil {
					break
				}
			}
			if i > f.most || i < f.few {
				t.Errorf("%d passed", i)
			}
			sent := m.sent()
			if last := sent[len(sent)-1]; !strings.HasSuffix(last, "ENHANCE_YOUR_CALM") {
				t.Errorf("the last frame is %s", last)
			}
		})
		t.Run(f.name+" slowly", func(t *testing.T) {
			m := newMem(t, true, Options{})
			m.on.reset = func(s *Stream, r *Reset) { s.Close() }
			if f.name == "refused streams" {
				t.Skip("needs many at a time")
			}
			for i := 0; i < 5_000; i++ {
				f.frame(m, i)
				m.now += 50e6
				if err := m.feed(); err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
			}
		})
	}
}

// TestContinuationFlood bounds count and bytes (CVE-2024-27983).
func TestContinuationFlood(t *testing.T) {
	for name, piece := range map[string][]byte{"count": nil, "bytes": make([]byte, 8000)} {
		t.Run(name, func(t *testing.T) {
			m := newMem(t, true, Options{})
			_ = m.fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: m.block(":method: GET")})
			i := 0
			for ; m.feed() == nil && i < 1000; i++ {
				_ = m.fr.WriteContinuation(1, false, piece)
			}
			if i > maxContinuations+1 {
				t.Errorf("%d passed", i)
			}
			m.wantSent("GOAWAY 0 ENHANCE_YOUR_CALM")
		})
	}
}

// TestBusyButUseful: pings and window updates that go along with data, and
// resets among requests that are answered, are no flood.
func TestBusyButUseful(t *testing.T) {
	m := newMem(t, true, Options{})
	m.on.reset = func(s *Stream, r *Reset) { s.Close() }
	body := make([]byte, 16_000)
	for i := uint32(0); i < 10_000; i++ {
		id := 4*i + 1
		m.get(id, true)
		m.get(id+2, true)
		_ = m.fr.WriteRSTStream(id+2, xhttp2.ErrCodeCancel)
		_ = m.fr.WritePing(false, [8]byte{})
		_ = m.fr.WriteWindowUpdate(0, 16_000)
		if err := m.feed(); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		s := m.streams[id]
		w := s.Begin()
		w.Status(200)
		_ = w.Send(false)
		if n, err := s.Write(body, true); n != len(body) || err != nil {
			t.Fatal(n, err)
		}
		s.Close()
		m.flush()
		m.out.Reset()
		delete(m.streams, id)
		m.events = m.events[:0]
	}
}

// TestDribble: a window that is opened byte by byte ends the connection (CVE-2019-9511).
func TestDribble(t *testing.T) {
	m := newMem(t, true, Options{})
	_ = m.fr.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 0})
	m.get(1, true)
	_ = m.feed()
	s := m.streams[1]
	w := s.Begin()
	w.Status(200)
	_ = w.Send(false)
	m.on.writable = func(s *Stream) { _, _ = s.Write(make([]byte, 1000), true) }
	m.on.writable(s)
	i := 0
	for ; i < 3000; i++ {
		_ = m.fr.WriteWindowUpdate(1, 1)
		if m.feed() != nil || m.c.Finished() {
			break
		}
	}
	if i > 1100 || !m.c.Finished() {
		t.Errorf("%d passed", i)
	}
}

// TestStreamLimits: as many streams as allowed, and not many more held by a
// handler that is slow to close those that were reset.
func TestStreamLimits(t *testing.T) {
	m := newMem(t, true, Options{MaxStreams: 3})
	for id := uint32(1); id <= 7; id += 2 {
		m.get(id, true)
	}
	_ = m.feed()
	m.wantSent("7 RST REFUSED_STREAM")
	for id := uint32(1); id <= 5; id += 2 {
		_ = m.fr.WriteRSTStream(id, xhttp2.ErrCodeCancel)
		m.get(id+8, true)
	}
	m.get(15, true)
	_ = m.feed()
	m.wantSent("15 RST REFUSED_STREAM") // 9, 11 and 13 are open, 1, 3 and 5 are held
	_ = m.fr.WriteRSTStream(9, xhttp2.ErrCodeCancel)
	m.get(17, true)
	_ = m.feed()
	m.wantSent("17 RST REFUSED_STREAM") // six are held
	m.streams[1].Close()
	m.get(19, true)
	_ = m.feed()
	m.wantSent()
	if m.c.Streams() != 3 || m.c.Held() != 6 {
		t.Errorf("%d streams, %d held", m.c.Streams(), m.c.Held())
	}
}

// TestCongested: output that flow control does not bound stops input.
func TestCongested(t *testing.T) {
	m := newMem(t, true, Options{Budget: 1 << 30})
	m.pending = congestedAt - 1000
	for i := 0; i < 100; i++ {
		_ = m.fr.WritePing(false, [8]byte{})
	}
	if m.c.Congested() {
		t.Error("already")
	}
	_ = m.c.Feed(m.in.Bytes())
	if !m.c.Congested() {
		t.Error("not congested")
	}
}
