package http2

import (
	"bytes"
	"testing"
)

// TestNoAllocations: in the steady state neither DATA frames nor whole
// requests allocate, but for what x/net's decoder makes of literal fields.
func TestNoAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	m, request, data := benchConn(t)
	m.on.readable = func(s *Stream) { s.Consume(len(s.Buffered())) }
	if n := testing.AllocsPerRun(200, func() { data(); m.flush(); m.out.Reset() }); n > 0 {
		t.Errorf("%v allocations per DATA frame", n)
	}
	if n := testing.AllocsPerRun(200, func() { request(); m.flush(); m.out.Reset() }); n > 1 {
		t.Errorf("%v allocations per request", n) // the map of streams grows now and then
	}
}

// benchConn is a connection with one upload, and functions that have a
// request answered and a DATA frame taken.
func benchConn(t testing.TB) (m *mem, request, data func()) {
	m = newMem(t, true, Options{})
	q := &quiet{m: m}
	m.c.h = q
	m.get(1, false)
	_ = m.feed()
	m.data(1, 16_000, false)
	frame := bytes.Clone(m.in.Bytes())
	m.in.Reset()
	var id uint32 = 3
	m.get(id, true, "user-agent: bench", "accept: */*")
	_ = m.feed()
	m.get(id, true, "user-agent: bench", "accept: */*") // all indexed now
	head := bytes.Clone(m.in.Bytes())
	m.in.Reset()
	body := make([]byte, 1000)
	q.head = func(s *Stream, h *Head) {
		w := s.Begin()
		w.Status(200)
		w.Field("server", "bench")
		w.Field("content-type", "text/plain")
		w.Field("x-request-id", "0123456789abcdef0123456789abcdef")
		_ = w.Send(false)
		_, _ = s.Write(body, true)
		s.Close()
	}
	request = func() {
		id += 2
		m.c.sendWindow = 1 << 20 // as if the client updated it
		head[5], head[6], head[7], head[8] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
		if err := m.c.Feed(head); err != nil {
			t.Fatal(err)
		}
	}
	data = func() {
		if err := m.c.Feed(frame); err != nil {
			t.Fatal(err)
		}
	}
	return m, request, data
}

// quiet is a handler that notes nothing.
type quiet struct {
	m    *mem
	head func(s *Stream, h *Head)
}

func (q *quiet) Head(s *Stream, h *Head) {
	if q.head != nil {
		q.head(s, h)
	}
}
func (q *quiet) Readable(s *Stream)        { s.Consume(len(s.Buffered())) }
func (q *quiet) Writable(*Stream)          {}
func (q *quiet) Reset(s *Stream, _ *Reset) { s.Close() }
func (q *quiet) Wake(*Conn)                { q.m.woken = true }
func (q *quiet) Changed(*Conn)             {}

func BenchmarkRequest(b *testing.B) {
	m, request, _ := benchConn(b)
	b.ReportAllocs()
	for b.Loop() {
		request()
		m.flush()
		m.out.Reset()
	}
}

func BenchmarkData(b *testing.B) {
	m, _, data := benchConn(b)
	b.ReportAllocs()
	b.SetBytes(16_000)
	for b.Loop() {
		data()
		m.flush()
		m.out.Reset()
	}
}
