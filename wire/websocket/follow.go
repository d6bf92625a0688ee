package websocket

// Follower follows the frames of one direction of a connection whose bytes
// pass unread, so that a frame of our own can be put between two of them. The
// zero value is before the first frame. What does not follow the protocol is
// never between frames.
type Follower struct {
	// left of the payload of the frame that passes.
	left uint64
	// head[:n] is a part of a header.
	head [MaxHeader]byte
	n    uint8
	// closing: the frame that passes is a close frame.
	closing, closed, bad bool
}

// Pass takes p, the next bytes of the direction.
func (f *Follower) Pass(p []byte) {
	for len(p) > 0 {
		p = p[f.Until(p):]
	}
}

// Until takes bytes from the front of p up to the end of the current frame, or
// of the next one where it is between frames, and says how many: all of p
// where the frame goes on. It is never 0 where p is not empty.
func (f *Follower) Until(p []byte) (n int) {
	if f.bad || f.left > uint64(len(p)) {
		if !f.bad {
			f.left -= uint64(len(p))
		}
		return len(p)
	}
	if f.left > 0 {
		n = int(f.left)
		f.ended()
		return n
	}
	h, taken, done := f.header(p)
	if !done {
		return len(p)
	}
	f.left, f.closing = h.Length, h.Op == Close
	p = p[taken:]
	if f.left > uint64(len(p)) {
		f.left -= uint64(len(p))
		return taken + len(p)
	}
	n = taken + int(f.left)
	f.ended()
	return n
}

// header takes a header off the front of p, the beginning of which may be kept.
func (f *Follower) header(p []byte) (h Header, taken int, done bool) {
	if f.n == 0 {
		h, n, err := ParseHeader(p)
		if err != nil {
			f.bad = true
			return h, 0, false
		}
		if n > 0 {
			return h, n, true
		}
	}
	have := int(f.n)
	added := copy(f.head[have:], p)
	h, n, err := ParseHeader(f.head[:have+added])
	switch {
	case err != nil:
		f.bad = true
		return h, 0, false
	case n == 0:
		f.n += uint8(added)
		return h, 0, false
	}
	f.n = 0
	return h, n - have, true
}

func (f *Follower) ended() {
	f.left = 0
	f.closed = f.closed || f.closing
}

// Between says whether no frame is under way.
func (f *Follower) Between() bool { return f.left == 0 && f.n == 0 && !f.bad }

// Closed says whether a close frame has passed.
func (f *Follower) Closed() bool { return f.closed }
