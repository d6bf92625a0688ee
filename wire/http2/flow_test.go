package http2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
)

// post begins a request with a body.
func (m *mem) post(id uint32, more ...string) *Stream {
	m.t.Helper()
	m.get(id, false, more...)
	if err := m.feed(); err != nil {
		m.t.Fatal(err)
	}
	return m.streams[id]
}

func (m *mem) data(id uint32, n int, end bool) { _ = m.fr.WriteData(id, end, make([]byte, n)) }

// TestCredit: the window is given back for what was consumed, and only that.
func TestCredit(t *testing.T) {
	m := newMem(t, true, Options{StreamWindow: 100_000, ConnWindow: 131_072})
	s := m.post(1)
	m.events = nil
	for i := 0; i < 4; i++ {
		m.data(1, 16_000, false)
	}
	_ = m.feed()
	m.wantSent()
	m.wantEvents("1 readable 16000 ended=false", "1 readable 32000 ended=false", "1 readable 48000 ended=false", "1 readable 64000 ended=false")
	s.Consume(20_000) // the target grows to StreamWindow
	m.wantSent(fmt.Sprint("1 WINDOW ", 100_000-1535-44_000))
	s.Consume(44_000)
	m.wantSent() // not worth a frame yet: half of the connection's window
	m.data(1, 16_000, true)
	_ = m.feed()
	m.wantEvents("1 readable 16000 ended=false")
	s.Consume(16_000)
	if !s.Ended() {
		t.Error("not ended")
	}
	m.wantSent("0 WINDOW 80000")
}

// TestFlowControlErrors: more than the window is refused.
func TestFlowControlErrors(t *testing.T) {
	m := newMem(t, true, Options{ConnWindow: 1 << 20})
	m.post(1)
	for i := 0; i < 4; i++ {
		m.data(1, 16_384, false)
	}
	_ = m.feed()
	m.wantSent("1 RST FLOW_CONTROL_ERROR")

	m = newMem(t, true, Options{ConnWindow: defaultWindow})
	m.post(1)
	m.post(3)
	for i := 0; i < 2; i++ {
		m.data(1, 16_384, false)
		m.data(3, 16_384, false)
	}
	_ = m.feed()
	m.wantSent("GOAWAY 3 FLOW_CONTROL_ERROR")
}

// TestPaddingIsCredited: nobody consumes padding.
func TestPaddingIsCredited(t *testing.T) {
	m := newMem(t, true, Options{ConnWindow: defaultWindow})
	s := m.post(1)
	m.on.readable = func(s *Stream) { s.Consume(len(s.Buffered())) }
	for i := 0; i < 2000; i++ {
		_ = m.fr.WriteDataPadded(1, false, []byte("x"), make([]byte, 250))
		if err := m.feed(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Dead() {
		t.Error("reset")
	}
}

// TestResetCredits: data of a stream that is given up is credited to the
// connection.
func TestResetCredits(t *testing.T) {
	m := newMem(t, true, Options{ConnWindow: defaultWindow})
	for id := uint32(1); id < 200; id += 2 {
		s := m.post(id)
		m.data(id, 16_384, false)
		m.data(id, 16_384, false)
		if err := m.feed(); err != nil {
			t.Fatal(err)
		}
		if id%4 == 1 {
			s.Reset(InternalError)
		}
		m.data(id, 100, false) // on its way
		if err := m.feed(); err != nil {
			t.Fatal(err)
		}
		s.Close()
		m.flush()
	}
	if m.c.buffered != 0 || m.c.Streams() != 0 || m.c.Held() != 0 {
		t.Errorf("%d bytes, %d streams, %d held", m.c.buffered, m.c.Streams(), m.c.Held())
	}
}

func TestContentLength(t *testing.T) {
	for _, c := range []struct {
		length int
		frames []int // negative: with trailers behind
		bad    bool
	}{
		{5, []int{5}, false}, {5, []int{2, 3}, false}, {5, []int{2, 3, 0}, false}, {5, []int{5, -1}, false}, {0, []int{0}, false},
		{5, []int{6}, true}, {5, []int{4}, true}, {5, []int{2, 4}, true}, {5, []int{4, -1}, true}, {5, []int{0}, true}, {0, []int{1}, true},
	} {
		m := newMem(t, true, Options{})
		m.post(1, fmt.Sprint("content-length: ", c.length))
		for i, n := range c.frames {
			if n < 0 {
				m.headers(1, true, "x: y")
			} else {
				m.data(1, n, i == len(c.frames)-1)
			}
		}
		_ = m.feed()
		got := strings.Join(m.sent(), "|")
		if want := "1 RST PROTOCOL_ERROR"; c.bad != (got == want) {
			t.Errorf("%d %v: %s", c.length, c.frames, got)
		}
	}
}

// TestWrite: what the windows and the socket allow, and no more.
func TestWrite(t *testing.T) {
	m := newMem(t, true, Options{})
	_ = m.fr.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 20_000})
	m.get(1, true)
	m.get(3, true)
	_ = m.feed()
	m.sent()
	m.events = nil
	a, b := m.streams[1], m.streams[3]
	body := make([]byte, 100_000)
	write := func(s *Stream, want int) {
		t.Helper()
		if n, err := s.Write(body, true); n != want || err != nil {
			t.Errorf("took %d, %v, want %d", n, err, want)
		}
	}
	if _, err := a.Write(body, false); err != ErrClosed {
		t.Error("data before the head")
	}
	for _, s := range []*Stream{a, b} {
		w := s.Begin()
		w.Status(200)
		_ = w.Send(false)
	}
	m.sent()
	write(a, 20_000)
	m.wantSent("1 DATA 16384", "1 DATA 3616")
	write(a, 0)
	_ = m.fr.WriteWindowUpdate(1, 100_000)
	_ = m.feed()
	m.wantEvents("1 writable")
	write(a, 45_535) // the connection's window
	m.wantSent("1 DATA 16384", "1 DATA 16384", "1 DATA 12767")
	write(b, 0)
	_ = m.fr.WriteWindowUpdate(0, 20_000)
	m.on.writable = func(s *Stream) {
		if s == a {
			write(s, 16_384) // another one waits: one frame
		} else {
			write(s, 3616)
		}
	}
	_ = m.feed()
	m.wantEvents("1 writable", "3 writable")
	m.wantSent("1 DATA 16384", "3 DATA 3616")
	m.on.writable = nil

	// The socket is full.
	m.pending = outLimit - 2000
	_ = m.fr.WriteWindowUpdate(0, 1_000_000)
	_ = m.feed()
	m.wantEvents("1 writable", "3 writable")
	write(b, 2000)
	m.wantSent("3 DATA 2000")
	m.wantEvents("3 writable") // as much room is still there
	m.pending = outLimit
	write(b, 0)
	m.c.Resume()
	m.wantEvents()
	m.pending = 0
	m.c.Resume()
	m.wantEvents("3 writable")
	write(b, 14_384)
	m.wantSent("3 DATA 14384")
	b.Close()
	m.wantSent("3 RST CANCEL")
	if n, err := a.Write(body[:10], true); n != 10 || err != nil {
		t.Error(n, err)
	}
	a.Close()
	m.wantSent("1 DATA 10 END")
}

// TestShrunkWindow: a window may become negative.
func TestShrunkWindow(t *testing.T) {
	m := newMem(t, true, Options{})
	m.get(1, true)
	_ = m.feed()
	s := m.streams[1]
	w := s.Begin()
	w.Status(200)
	_ = w.Send(false)
	_, _ = s.Write(make([]byte, 30_000), false)
	_ = m.fr.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 10_000})
	_ = m.feed()
	if n := s.Room(); n != 0 {
		t.Error(n)
	}
	_ = m.fr.WriteWindowUpdate(1, 20_005)
	_ = m.feed()
	if n := s.Room(); n != 5 {
		t.Error(n)
	}
}

// TestTrailers of a request, behind data that waits, and of a response.
func TestTrailers(t *testing.T) {
	m := newMem(t, true, Options{})
	s := m.post(1)
	m.data(1, 10, false)
	m.headers(1, true, "x-sum: 7")
	_ = m.feed()
	if s.Trailer() == nil || s.Ended() {
		t.Error("trailers")
	}
	s.Consume(10)
	if !s.Ended() || fieldsOf(s.Trailer()) != "x-sum: 7" {
		t.Error("no trailers")
	}
	m.sent()
	w := s.Begin()
	w.Status(103)
	w.Field("link", "x")
	_ = w.Send(false)
	w = s.Begin()
	w.Status(200)
	_ = w.Send(false)
	_, _ = s.Write([]byte("body"), false)
	w = s.Begin()
	w.Field("grpc-status", "0")
	_ = w.Send(false)
	m.wantSent("1 HEADERS :status=103 link=x", "1 HEADERS :status=200", "1 DATA 4", "1 HEADERS grpc-status=0 END")
	if _, err := s.Write(nil, true); err != ErrClosed {
		t.Error(err)
	}
	if err := s.Begin().Send(true); err != ErrClosed {
		t.Error(err)
	}
	s.Close()
	m.wantSent()
}

// TestLongHead goes out in CONTINUATION frames.
func TestLongHead(t *testing.T) {
	m := newMem(t, true, Options{})
	m.get(1, true)
	_ = m.feed()
	s := m.streams[1]
	w := s.Begin()
	w.Status(200)
	long := strings.Repeat("x", 40_000)
	w.Field("a", long)
	_ = w.Send(true)
	m.wantSent("1 HEADERS :status=200 a=" + long + " END")
}

// TestAnyChunks: it does not matter how the input is cut.
func TestAnyChunks(t *testing.T) {
	var input []byte
	var want string
	for size := 0; size < 40; size++ {
		m := newMem(t, true, Options{})
		if size == 0 {
			m.get(1, false)
			m.data(1, 5000, false)
			m.data(1, 7, true)
			m.get(3, true, "x: y")
			_ = m.fr.WritePing(false, [8]byte{})
			input = bytes.Clone(m.in.Bytes())
		}
		total := 0
		m.on.readable = func(s *Stream) { total += len(s.Buffered()); s.Consume(len(s.Buffered())) }
		for p := input; len(p) > 0; {
			n := len(p)
			if size > 0 {
				n = min(n, size)
			}
			if err := m.c.Feed(p[:n]); err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
		got := fmt.Sprint(m.events, m.sent(), total)
		if size == 0 {
			want = got
		} else if got != want {
			t.Errorf("%d at a time: %s, want %s", size, got, want)
		}
	}
}
