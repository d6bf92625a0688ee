package loop

import "time"

// A send wakes who waits for its bytes, and where that takes another processor
// out of its sleep, the waking costs more than the sending. So what a round's
// handlers have to send is sent at its end, one after the other: the first send
// wakes the reader, the next ones find it awake. Measured on the loop that is
// busy with ten Lua plugins: a sixth of all processor time (docs/why.md).

// Bounds of what waits for the end of a round: a reader must not wait for the
// handlers of many others, nor for a slow one. Where one waited longer than
// soonTooLong, the next soonSlow messages do not wait: handlers of such length
// cost more than what waiting saves, and tell only afterwards that they were
// long. Many handlers that take some ten microseconds each, as with Lua plugins,
// reach soonTime, but not that.
const (
	soonConns   = 64
	soonMessage = 4 << 10
	soonBuffer  = 64 << 10
	soonLook    = 4 // messages between two looks at the clock
	soonTime    = time.Millisecond
	soonTooLong = 4 * soonTime
	soonSlow    = 256
)

// soon is what a loop sends at the end of the round.
type soon struct {
	conns []*Conn
	buf   []byte
	since time.Duration // on the loop's base, when the first of conns came
	slow  int           // messages that are to be sent at once
}

// WriteSoon is Write for what answers a reader that waits: a small message may
// wait for the end of the round, or a millisecond. An error of the send then
// shows as one of the next read, since HungUp is set and the handler called; it
// is called, too, where the kernel does not take all and Pending is not 0 any more.
func (c *Conn) WriteSoon(p []byte) error {
	c.delay = true
	err := c.Write(p)
	c.delay = false
	return err
}

// WriteNow sends what WriteSoon kept, as far as the kernel takes it.
func (c *Conn) WriteNow() {
	if c.soon != nil {
		c.sendSoon()
	}
}

// keepSoon keeps p for the end of the round, if there is room.
func (c *Conn) keepSoon(p []byte) bool {
	s := &c.L.soon
	if len(p) > soonMessage {
		return false
	}
	if s.slow > 0 {
		s.slow--
		return false
	}
	if n := len(s.conns); n == soonConns || len(s.buf)+len(p) > soonBuffer || n%soonLook == soonLook-1 && time.Since(c.L.base)-s.since > soonTime {
		c.L.sendSoon()
	}
	if len(s.conns) == 0 {
		s.since = time.Since(c.L.base)
		if s.buf == nil {
			s.buf = make([]byte, 0, soonBuffer)
		}
	}
	at := len(s.buf)
	s.buf = append(s.buf, p...)
	c.soon = s.buf[at:]
	s.conns = append(s.conns, c)
	c.Sent += uint64(len(p))
	return true
}

// sendSoon sends what waits for the end of the round.
func (l *Loop) sendSoon() {
	s := &l.soon
	if time.Since(l.base)-s.since > soonTooLong {
		s.slow = soonSlow
	}
	for i, c := range s.conns {
		s.conns[i] = nil
		c.WriteNow()
	}
	s.conns, s.buf = s.conns[:0], s.buf[:0]
}

func (c *Conn) sendSoon() {
	p := c.soon
	c.soon = nil
	c.Sent -= uint64(len(p))
	switch {
	case c.put(p) != nil:
		c.HungUp, c.CanRead, c.drained = true, true, false
	case c.Pending() == 0:
		return
	}
	if h := c.L.slots[c.FD].h; h != nil {
		c.L.Again(h)
	}
}
