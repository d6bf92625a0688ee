package http2

// Pool is what the connections of one event loop share: streams and buffers
// that wait for use, and scratch memory. It is not safe for concurrent use, and
// no Conn of a Pool may be fed from inside a callback of another one.
type Pool struct {
	streams []*Stream
	bufs    [][]byte
	head    Head
	// Read is a buffer for reading from sockets into Feed. It is nobody else's,
	// so that callbacks may use the loop's own buffer.
	Read []byte
}

const (
	bufSize = 32 << 10
	// keepStreams, keepBufs and keepCap bound what waits for use.
	keepStreams = 1024
	keepBufs    = 64
	keepCap     = 64 << 10
)

// NewPool makes a Pool.
func NewPool() *Pool { return &Pool{Read: make([]byte, 64<<10)} }

func (p *Pool) buf() []byte {
	if n := len(p.bufs); n > 0 {
		b := p.bufs[n-1]
		p.bufs = p.bufs[:n-1]
		return b[:0]
	}
	return make([]byte, 0, bufSize)
}

func (p *Pool) putBuf(b []byte) {
	if cap(b) >= bufSize && cap(b) <= keepCap && len(p.bufs) < keepBufs {
		p.bufs = append(p.bufs, b)
	}
}

func (p *Pool) stream() *Stream {
	if n := len(p.streams); n > 0 {
		s := p.streams[n-1]
		p.streams = p.streams[:n-1]
		return s
	}
	return new(Stream)
}

func (p *Pool) putStream(s *Stream) {
	t := s.trailer
	if t != nil && cap(t.Buf) > 4<<10 {
		t = nil
	}
	*s = Stream{trailer: t}
	if len(p.streams) < keepStreams {
		p.streams = append(p.streams, s)
	}
}
