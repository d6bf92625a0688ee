package http2

import (
	"errors"
	"testing"

	xhttp2 "golang.org/x/net/http2"
)

func TestServerDrain(t *testing.T) {
	m := newMem(t, true, Options{})
	m.get(1, true)
	_ = m.feed()
	m.c.Drain()
	m.c.Drain()
	m.wantSent("GOAWAY 2147483647 NO_ERROR", "PING ack=false")
	m.get(3, true) // was on its way
	_ = m.feed()
	_ = m.fr.WritePing(true, [8]byte{0x64, 0x72, 0x61, 0x69, 0x6e, 0, 0, 0})
	_ = m.feed()
	m.wantSent("GOAWAY 3 NO_ERROR")
	m.get(5, false)
	m.data(5, 10, true)
	_ = m.feed()
	m.wantSent()
	m.answer(m.streams[1])
	m.streams[1].Close()
	m.flush()
	if m.c.Finished() {
		t.Error("too soon")
	}
	m.answer(m.streams[3])
	m.streams[3].Close()
	m.flush()
	if !m.c.Finished() || m.c.Err() != ErrDone {
		t.Error(m.c.Err())
	}
	m.wantSent("1 HEADERS :status=200 END", "3 HEADERS :status=200 END")
	m.wantEvents("1 head GET /x", "3 head GET /x")
}

func TestTick(t *testing.T) {
	const s = int64(1e9)
	for _, c := range []struct {
		name string
		o    Options
		// do makes the situation; after it, time passes in steps of a second.
		do   func(m *mem)
		at   int64 // when the connection ends, in seconds
		want []string
		err  error
	}{
		{"drain without an answer", Options{DrainTimeout: 3 * s}, func(m *mem) { m.c.Drain(); m.sent() }, 3,
			[]string{"GOAWAY 0 NO_ERROR"}, ErrDone},
		{"idle", Options{IdleTimeout: 5 * s}, func(m *mem) {}, 5, []string{"GOAWAY 0 NO_ERROR"}, ErrDone},
		{"idle later", Options{IdleTimeout: 5 * s}, func(m *mem) {
			m.get(1, true)
			_ = m.feed()
			m.now += 10 * s
			m.c.Tick()
			m.answer(m.streams[1])
			m.streams[1].Close()
			m.sent()
		}, 15, []string{"GOAWAY 1 NO_ERROR"}, ErrDone},
		{"never idle", Options{}, func(m *mem) {}, 0, nil, nil},
		{"ping", Options{PingAfter: 4 * s, PingTimeout: 2 * s}, func(m *mem) { m.get(1, true); _ = m.feed() }, 6,
			[]string{"PING ack=false", "GOAWAY 1 NO_ERROR"}, &ConnError{NoError, "PING was not answered"}},
		{"no ping without a stream", Options{PingAfter: 4 * s, PingTimeout: 2 * s}, func(m *mem) {}, 0, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMem(t, true, c.o)
			start := m.now
			c.do(m)
			next := m.c.Tick()
			for i := 0; i < 100 && !m.c.Finished(); i++ {
				m.now += s
				if next != 0 && m.now >= next {
					next = m.c.Tick()
				}
			}
			if got := (m.now - start) / s; c.at != 0 && got != c.at {
				t.Errorf("ended after %d s, want %d", got, c.at)
			}
			m.wantSent(c.want...)
			if err := m.c.Err(); err == nil != (c.err == nil) || err != nil && err.Error() != c.err.Error() {
				t.Errorf("got %v, want %v", err, c.err)
			}
		})
	}
}

func TestSettingsTimeout(t *testing.T) {
	m := &mem{t: t, streams: map[uint32]*Stream{}}
	o := Options{Clock: func() int64 { return m.now }, SettingsTimeout: 5}.Defaulted()
	m.now = 1
	m.c = NewServer(m, m, NewPool(), o)
	m.c.Start()
	if next := m.c.Tick(); next != 6 {
		t.Error(next)
	}
	m.now = 6
	m.c.Tick()
	var e *ConnError
	if !m.c.Finished() || !errors.As(m.c.Err(), &e) || e.Code != SettingsTimeout {
		t.Error(m.c.Err())
	}
}

func TestLost(t *testing.T) {
	m := newMem(t, true, Options{})
	m.get(1, true)
	_ = m.feed()
	m.on.reset = func(s *Stream, r *Reset) { s.Close() }
	cause := errors.New("reset by peer")
	m.c.Lost(cause)
	m.c.Lost(nil)
	m.wantEvents("1 head GET /x", "1 reset INTERNAL_ERROR remote=false unprocessed=false")
	if m.c.Err() != cause || m.c.Held() != 0 || m.c.Feed([]byte("x")) != cause {
		t.Error(m.c.Err())
	}
}

// TestBrokenWriter: an error of the socket comes out with Flush, after which
// every stream was reset.
func TestBrokenWriter(t *testing.T) {
	m := newMem(t, true, Options{})
	m.get(1, true)
	_ = m.feed()
	m.err = errors.New("broken pipe")
	m.answer(m.streams[1])
	if err := m.c.Flush(); err != m.err {
		t.Error(err)
	}
	if !m.c.Finished() {
		t.Error("not finished")
	}
}

func TestClientGoAway(t *testing.T) {
	m := newMem(t, false, Options{})
	a, b, idle := m.openRequest("GET", true), m.openRequest("POST", false), m.c.Open()
	m.sent()
	_ = m.fr.WriteGoAway(1, xhttp2.ErrCodeNo, nil)
	_ = m.feed()
	m.wantEvents("3 reset REFUSED_STREAM remote=false unprocessed=true")
	if m.c.CanOpen() || m.c.Usable() || m.c.Open() != nil {
		t.Error("takes requests")
	}
	if err := idle.Begin().Send(true); err != ErrClosed {
		t.Error(err)
	}
	idle.Close()
	b.Close()
	m.headers(1, true, ":status: 200")
	_ = m.feed()
	m.wantEvents("1 head 200")
	a.Close()
	m.flush()
	if !m.c.Finished() || m.c.Err() != ErrDone {
		t.Error(m.c.Err())
	}
}

func TestClientLimits(t *testing.T) {
	m := newMem(t, false, Options{})
	if !m.c.CanOpen() {
		t.Fatal("cannot open")
	}
	_ = m.fr.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingMaxConcurrentStreams, Val: 2}, xhttp2.Setting{ID: settingConnectID, Val: 1})
	_ = m.feed()
	a, b := m.openRequest("GET", true), m.c.Open()
	if m.c.CanOpen() || !m.c.ConnectProtocol() {
		t.Error("settings")
	}
	b.Close()
	if !m.c.CanOpen() {
		t.Error("cannot open")
	}
	m.headers(1, true, ":status: 200")
	_ = m.feed()
	a.Close()
	m.c.nextID = maxWindow // the last number
	m.openRequest("GET", true).Close()
	if m.c.Usable() {
		t.Error("numbers are used up")
	}
	m.flush()
	if m.c.Err() != ErrDone {
		t.Error(m.c.Err())
	}
}

const settingConnectID = xhttp2.SettingID(settingConnectProtocol)

func TestClientResets(t *testing.T) {
	m := newMem(t, false, Options{})
	m.openRequest("GET", true)
	_ = m.fr.WriteRSTStream(1, xhttp2.ErrCodeRefusedStream)
	_ = m.feed()
	m.wantEvents("1 reset REFUSED_STREAM remote=true unprocessed=true")
	s := m.openRequest("POST", false)
	m.headers(3, false, ":status: 200")
	m.data(3, 10, true)
	_ = m.fr.WriteRSTStream(3, xhttp2.ErrCodeNo) // complete; the rest of the request is not wanted
	_ = m.feed()
	m.wantEvents("3 head 200", "3 readable 10 ended=false")
	if _, err := s.Write([]byte("x"), false); err != ErrClosed || len(s.Buffered()) != 10 {
		t.Error(err, len(s.Buffered()))
	}
	s.Consume(10)
	if !s.Ended() || s.Dead() {
		t.Error("not ended")
	}
	s.Close()
	m.openRequest("HEAD", true)
	m.headers(5, false, ":status: 103", "link: x")
	m.headers(5, true, ":status: 200", "content-length: 99")
	_ = m.feed()
	m.wantEvents("5 head 103", "5 head 200")
	s = m.openRequest("GET", true)
	s.Close()
	m.headers(7, false, ":status: 200", "new: in the table") // on its way
	m.data(7, 10, true)
	m.openRequest("GET", true)
	m.headers(9, true, ":status: 200", "new: in the table")
	if err := m.feed(); err != nil {
		t.Fatal(err)
	}
	m.wantEvents("9 head 200")
}

func TestExtendedConnect(t *testing.T) {
	m := newMem(t, true, Options{ExtendedConnect: true})
	m.on.head = func(s *Stream, h *Head) { m.event("protocol %s", h.Text(h.Protocol)) }
	m.headers(1, false, ":method: CONNECT", ":protocol: websocket", ":scheme: http", ":path: /chat", ":authority: a.test")
	_ = m.feed()
	m.wantEvents("1 head CONNECT /chat", "protocol websocket")
	m.headers(3, false, ":method: GET", ":protocol: websocket", ":scheme: http", ":path: /chat", ":authority: a.test")
	_ = m.feed()
	m.wantSent("3 RST PROTOCOL_ERROR")
}
