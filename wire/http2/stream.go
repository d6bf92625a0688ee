package http2

// Stream is one request and its response. It belongs to the Handler from Head
// (or Open) to Close; after Close it must not be touched.
type Stream struct {
	// User is the handler's own.
	User any

	c  *Conn
	id uint32

	// The halves that have ended; dead: reset, by whomever.
	localEnd, remoteEnd, dead bool
	// retired: the connection does not know it any more.
	retired, closed bool
	// gotHead: the final head came; sentHead: it went.
	gotHead, sentHead bool
	// noBody: the response has no body, whatever content-length it tells.
	noBody bool
	// blocked: Write took less than it was given; queued: it waits in line.
	blocked, queued bool
	next            *Stream

	sendWindow         int
	recvWindow, target int
	// left is what is still to come of content-length, -1 without one.
	left int64

	// in holds what was not consumed at once, from at on; hot is a frame's data
	// while Readable is called.
	in      []byte
	at      int
	hot     []byte
	trailer *Head
	ended   bool // trailer is there
}

// ID is the stream's number, 0 before a client's head was sent.
func (s *Stream) ID() uint32 { return s.id }

// Conn is the connection of the stream.
func (s *Stream) Conn() *Conn { return s.c }

// Buffered is body data that waits to be consumed. It is valid until Consume,
// or until the call ends in which it was asked for.
func (s *Stream) Buffered() []byte {
	if s.at < len(s.in) {
		return s.in[s.at:]
	}
	return s.hot
}

// Consume takes the first n bytes of Buffered, and lets the peer send as many more.
func (s *Stream) Consume(n int) {
	if n = min(n, len(s.Buffered())); n == 0 {
		return // nothing, or the stream was reset meanwhile
	}
	if s.at < len(s.in) {
		if s.at += n; s.at == len(s.in) {
			s.dropIn()
		}
	} else {
		s.hot = s.hot[n:]
	}
	c := s.c
	c.buffered -= n
	s.target = max(s.target, c.o.StreamWindow)
	s.credit()
	c.creditConn()
}

// Take consumes the next piece of the body, at most len(scratch) bytes of it:
// a part of the frame that is being handled, or a copy in scratch. It is valid
// until the call ends in which it was asked for. last: nothing follows.
func (s *Stream) Take(scratch []byte) (p []byte, last bool) {
	p = s.Buffered()
	p = p[:min(len(p), len(scratch))]
	if s.at < len(s.in) { // Consume gives its buffer to others
		p = scratch[:copy(scratch, p)]
	}
	s.Consume(len(p))
	return p, s.Ended() && !s.dead
}

// Ended says that the peer's half is over and all of its data consumed.
func (s *Stream) Ended() bool {
	return s.remoteEnd && s.at == len(s.in) && len(s.hot) == 0
}

// Dead says that the stream was reset.
func (s *Stream) Dead() bool { return s.dead }

// Trailer is the trailer section that ended the body, nil without one. It is
// there once Ended, and valid until Close.
func (s *Stream) Trailer() *Head {
	if s.ended {
		return s.trailer
	}
	return nil
}

// Reset ends the stream with RST_STREAM; there is no Reset event. It still
// must be Closed.
func (s *Stream) Reset(code Code) {
	if s.dead || s.retired {
		return
	}
	c := s.c
	if s.id != 0 && !c.finished {
		c.out = appendRSTStream(c.output(), s.id, code)
		c.recent.add(s.id, true)
		c.wrote()
	}
	s.kill()
}

// Close gives the stream back. One that is not over is reset: with NO_ERROR
// where the response is complete and the rest of the request is not wanted.
func (s *Stream) Close() {
	if s.closed {
		return
	}
	s.closed = true
	c := s.c
	if !s.retired {
		code := Cancel
		if c.server && s.localEnd {
			code = NoError
		}
		s.Reset(code)
	}
	s.drop()
	c.waiting.remove(s)
	c.held--
	c.dead = append(c.dead, s)
	if c.changed || c.Draining() {
		c.wake()
	}
}

// kill ends both halves.
func (s *Stream) kill() {
	s.dead, s.localEnd = true, true
	s.drop()
	s.remoteEnd = true
	s.retire()
}

// drop forgets received data and gives its credit back to the connection.
func (s *Stream) drop() {
	n := len(s.in) - s.at + len(s.hot)
	s.hot = nil
	s.dropIn()
	if n > 0 {
		s.c.buffered -= n
		s.c.creditConn()
	}
}

func (s *Stream) dropIn() {
	if s.in != nil {
		s.c.pool.putBuf(s.in)
	}
	s.in, s.at = nil, 0
}

// keep stores what a callback did not consume of a frame.
func (s *Stream) keep() {
	if len(s.hot) == 0 {
		return
	}
	if s.in == nil {
		s.in = s.c.pool.buf()
	}
	s.in = append(s.in, s.hot...)
	s.hot = nil
}

// retire takes the stream out of the connection's count: both halves ended.
func (s *Stream) retire() {
	if s.retired {
		return
	}
	s.retired = true
	c := s.c
	if s.id == 0 {
		c.opening--
	} else {
		delete(c.streams, s.id)
	}
	if !c.server {
		c.changed = true
	}
	c.life.idleSince = c.o.Clock()
}

// endLocal and endRemote end one half.
func (s *Stream) endLocal() {
	s.localEnd = true
	if !s.dead {
		s.c.earn(earnStream)
	}
	if s.remoteEnd {
		s.over()
	}
}

func (s *Stream) endRemote() {
	s.remoteEnd = true
	if s.localEnd {
		s.over()
	}
}

func (s *Stream) over() {
	s.c.recent.add(s.id, false)
	s.retire()
}

// credit announces how much more the peer may send on the stream, once that
// is worth a frame.
func (s *Stream) credit() {
	if s.remoteEnd || s.dead || s.c.finished {
		return
	}
	n := s.target - s.recvWindow - (len(s.in) - s.at) - len(s.hot)
	if n < s.target/2 {
		return
	}
	s.recvWindow += n
	s.c.out = appendWindowUpdate(s.c.output(), s.id, uint32(n))
	s.c.wrote()
}

// creditConn is credit for the connection's window.
func (c *Conn) creditConn() {
	n := c.o.ConnWindow - c.recvWindow - c.buffered
	if n < c.o.ConnWindow/2 || c.finished {
		return
	}
	c.recvWindow += n
	c.out = appendWindowUpdate(c.output(), 0, uint32(n))
	c.wrote()
}

// recentIDs remembers the streams that ended last, to tell frames that were on
// their way from frames that break the rules.
type recentIDs struct {
	ids [64]uint32 // id<<1, and 1 where we reset it
	at  uint8
}

func (r *recentIDs) add(id uint32, reset bool) {
	v := id << 1
	if reset {
		v |= 1
	}
	r.ids[r.at%64] = v
	r.at++
}

// find says whether id ended lately, and whether we reset it.
func (r *recentIDs) find(id uint32) (ended, reset bool) {
	for i := r.at; i != r.at-64; i-- { // the last word on it counts
		if v := r.ids[(i-1)%64]; v>>1 == id {
			return true, v&1 != 0
		}
	}
	return false, false
}
