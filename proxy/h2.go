package proxy

import (
	"github.com/gibbon-gateway/gibbon/wire/http2"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// h2Link drives one HTTP/2 connection, of either side, on its socket.
type h2Link struct {
	sock *loop.Conn
	conn *http2.Conn
	// owner is the socket's handler; fed, if not nil, is called after each Feed.
	owner loop.Handler
	fed   func()
	timer *loop.Timer
	woken bool
	// stall runs while the peer does not take what waits for it, however many
	// streams that concerns; patience bounds it, in nanoseconds.
	stall    loop.Timer
	patience int64
}

// h2Socket is where an HTTP/2 connection writes: small flushes wait for the end
// of the loop's round.
type h2Socket struct{ *loop.Conn }

func (s h2Socket) Write(p []byte) error { return s.WriteSoon(p) }

// readsPerRound bounds what one connection may have the loop read in a round.
const readsPerRound = 8

// ready handles the edges ev, or with 0 what Again was called for. An error
// says that the socket is broken or at its end; streams have been reset then.
func (l *h2Link) ready(ev loop.Events, read []byte) error {
	err := l.move(ev, read)
	if err == nil && l.sock.Pending() > 0 && !l.stall.On() {
		l.stall.After(l.patience)
	}
	return err
}

func (l *h2Link) move(ev loop.Events, read []byte) error {
	s, c := l.sock, l.conn
	if waits := s.Pending(); ev&loop.Writable != 0 && waits > 0 {
		if err := s.Flush(); err != nil {
			c.Lost(err)
			return err
		}
		if s.Pending() < waits {
			l.stall.Off()
		}
		if s.Pending() == 0 {
			c.Resume()
		}
	}
	for i := 0; s.CanRead && !s.Closed() && !c.Congested(); i++ {
		if i == readsPerRound {
			s.L.Again(l.owner)
			break
		}
		n, err := s.Read(read)
		if err == loop.ErrAgain {
			break
		}
		if err != nil {
			c.Lost(nil)
			return err
		}
		l.feed(read[:n])
	}
	if ev == 0 && l.woken {
		l.woken = false
		return c.Flush()
	}
	return nil
}

func (l *h2Link) feed(p []byte) {
	_ = l.conn.Feed(p) // Finished says the same
	if l.fed != nil {
		l.fed()
	}
}

// wake implements http2.Handler's Wake: one Flush for all that a round writes.
func (l *h2Link) wake() {
	if !l.woken && !l.sock.Closed() {
		l.woken = true
		l.sock.L.Again(l.owner)
	}
}

// tick lets the connection look at the clock, and sets the timer for the next time.
func (l *h2Link) tick() {
	if next := l.conn.Tick(); next != 0 {
		l.timer.At(next)
	} else {
		l.timer.Off()
	}
}

// over says that nothing is left to do but to close the socket.
func (l *h2Link) over() bool { return l.conn.Finished() && !l.woken }
