package http2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// mem is a connection in memory whose peer is the test itself: it writes
// frames with x/net's Framer, and reads what came back with it.
type mem struct {
	t     testing.TB
	c     *Conn
	now   int64
	woken bool

	out     bytes.Buffer // from us
	pending int          // what the socket has not taken
	err     error        // of the next write

	in   bytes.Buffer // to us
	fr   *xhttp2.Framer
	hbuf bytes.Buffer
	enc  *hpack.Encoder
	dec  *hpack.Decoder

	// events is what the handler was told, a line each; on are the test's own reactions.
	events []string
	on     struct {
		head               func(s *Stream, h *Head)
		readable, writable func(s *Stream)
		reset              func(s *Stream, r *Reset)
	}
	streams map[uint32]*Stream
}

func (m *mem) Write(p []byte) error { m.out.Write(p); return m.err }
func (m *mem) Pending() int         { return m.pending }
func (m *mem) Wake(*Conn)           { m.woken = true }
func (m *mem) Changed(*Conn)        {}

func (m *mem) event(format string, args ...any) {
	m.events = append(m.events, fmt.Sprintf(format, args...))
}

func (m *mem) Head(s *Stream, h *Head) {
	m.streams[s.ID()] = s
	if h.Status != 0 {
		m.event("%d head %d", s.ID(), h.Status)
	} else {
		m.event("%d head %s %s", s.ID(), h.Text(h.Method), h.Text(h.Path))
	}
	if m.on.head != nil {
		m.on.head(s, h)
	}
}

func (m *mem) Readable(s *Stream) {
	m.event("%d readable %d ended=%v", s.ID(), len(s.Buffered()), s.Ended())
	if m.on.readable != nil {
		m.on.readable(s)
	}
}

func (m *mem) Writable(s *Stream) {
	m.event("%d writable", s.ID())
	if m.on.writable != nil {
		m.on.writable(s)
	}
}

func (m *mem) Reset(s *Stream, r *Reset) {
	m.event("%d reset %s remote=%v unprocessed=%v", s.ID(), r.Code, r.Remote, r.Unprocessed)
	if m.on.reset != nil {
		m.on.reset(s, r)
	}
}

func newMem(t testing.TB, server bool, o Options) *mem {
	m := &mem{t: t, now: 1e9, streams: map[uint32]*Stream{}}
	o.Clock = func() int64 { return m.now }
	m.fr = xhttp2.NewFramer(&m.in, nil)
	m.fr.AllowIllegalWrites, m.fr.AllowIllegalReads = true, true
	m.enc = hpack.NewEncoder(&m.hbuf)
	m.dec = hpack.NewDecoder(4096, nil)
	if server {
		m.c = NewServer(m, m, NewPool(), o.Defaulted())
		m.in.WriteString(Preface)
	} else {
		m.c = NewClient(m, m, NewPool(), o.Defaulted())
	}
	m.c.Start()
	_ = m.fr.WriteSettings()
	_ = m.fr.WriteSettingsAck()
	m.feed()
	m.sent()
	m.events = nil
	return m
}

// feed gives what was written to the connection, and flushes.
func (m *mem) feed() error {
	err := m.c.Feed(m.in.Bytes())
	m.in.Reset()
	m.flush()
	return err
}

func (m *mem) flush() {
	for m.woken {
		m.woken = false
		_ = m.c.Flush()
	}
}

// block encodes fields, "name: value" each.
func (m *mem) block(fields ...string) []byte {
	m.hbuf.Reset()
	for _, f := range fields {
		i := strings.Index(f[1:], ": ") + 1
		_ = m.enc.WriteField(hpack.HeaderField{Name: f[:i], Value: f[i+2:]})
	}
	return m.hbuf.Bytes()
}

func (m *mem) headers(id uint32, end bool, fields ...string) {
	_ = m.fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, EndStream: end, EndHeaders: true, BlockFragment: m.block(fields...)})
}

// get asks for something.
func (m *mem) get(id uint32, end bool, more ...string) {
	m.headers(id, end, append([]string{":method: GET", ":scheme: http", ":authority: a.test", ":path: /x"}, more...)...)
}

// sent is what came back since the last call, a word or more per frame.
func (m *mem) sent() []string {
	m.flush()
	var list []string
	b := m.out.Bytes()
	if bytes.HasPrefix(b, []byte(Preface)) {
		m.out.Next(len(Preface))
	}
	fr := xhttp2.NewFramer(nil, &m.out)
	fr.ReadMetaHeaders = m.dec
	for m.out.Len() > 0 {
		f, err := fr.ReadFrame()
		if err != nil {
			m.t.Fatalf("what we sent cannot be read: %v", err)
		}
		id := f.Header().StreamID
		switch f := f.(type) {
		case *xhttp2.SettingsFrame:
			if f.IsAck() {
				list = append(list, "SETTINGS ack")
			} else {
				list = append(list, "SETTINGS")
			}
		case *xhttp2.MetaHeadersFrame:
			s := fmt.Sprintf("%d HEADERS", id)
			for _, h := range f.Fields {
				s += " " + h.Name + "=" + h.Value
			}
			if f.StreamEnded() {
				s += " END"
			}
			list = append(list, s)
		case *xhttp2.DataFrame:
			s := fmt.Sprintf("%d DATA %d", id, len(f.Data()))
			if f.StreamEnded() {
				s += " END"
			}
			list = append(list, s)
		case *xhttp2.RSTStreamFrame:
			list = append(list, fmt.Sprintf("%d RST %s", id, f.ErrCode))
		case *xhttp2.GoAwayFrame:
			list = append(list, fmt.Sprintf("GOAWAY %d %s", f.LastStreamID, f.ErrCode))
		case *xhttp2.WindowUpdateFrame:
			list = append(list, fmt.Sprintf("%d WINDOW %d", id, f.Increment))
		case *xhttp2.PingFrame:
			list = append(list, fmt.Sprintf("PING ack=%v", f.IsAck()))
		default:
			list = append(list, fmt.Sprint(f))
		}
	}
	return list
}

// want compares what was sent, or what was told, with lines.
func (m *mem) want(what string, got []string, want ...string) {
	m.t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		m.t.Errorf("%s:\n got  %s\n want %s", what, strings.Join(got, " | "), strings.Join(want, " | "))
	}
}

func (m *mem) wantSent(want ...string) { m.t.Helper(); m.want("sent", m.sent(), want...) }

func (m *mem) wantEvents(want ...string) {
	m.t.Helper()
	m.want("events", m.events, want...)
	m.events = nil
}

// answer sends a response without a body.
func (m *mem) answer(s *Stream) {
	w := s.Begin()
	w.Status(200)
	if err := w.Send(true); err != nil {
		m.t.Error(err)
	}
}

// openRequest opens a client's request and returns its stream.
func (m *mem) openRequest(method string, end bool) *Stream {
	m.t.Helper()
	s := m.c.Open()
	if s == nil {
		m.t.Fatal("no stream to open")
	}
	w := s.Begin()
	w.Request(method, "http", "a.test", "/x")
	if err := w.Send(end); err != nil {
		m.t.Fatal(err)
	}
	return s
}
