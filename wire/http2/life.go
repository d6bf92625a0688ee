package http2

import "encoding/binary"

// life is what times and the end of a connection need. Times are of Options.Clock.
type life struct {
	settingsSent int64 // 0: acknowledged
	lastRead     int64
	idleSince    int64
	pinged       int64 // a PING of PingAfter waits for its answer
	drain        drainPhase
	drainAt      int64
	drainLast    uint32 // the last stream that a final GOAWAY allows
	goneAway     bool   // the peer sent GOAWAY
}

type drainPhase uint8

const (
	drainNot drainPhase = iota
	// drainAnnounced: a GOAWAY that still allows every stream is on its way.
	drainAnnounced
	// drainFinal: no stream behind the last one is taken (server) or opened (client).
	drainFinal
)

// The payloads of our PINGs.
const (
	pingDrain uint64 = 0x6472_6169_6e00_0000 + iota
	pingAlive
)

// Drain ends the connection once all that was begun is finished. A server
// tells first that it will take no more streams, and only when the client
// must have read that, which the last one was (RFC 9113 section 6.8).
func (c *Conn) Drain() {
	if c.finished || c.life.drain != drainNot {
		return
	}
	c.life.drainAt = c.o.Clock()
	if c.server {
		c.life.drain = drainAnnounced
		c.out = appendGoAway(c.output(), maxWindow, NoError, "")
		c.out = appendPing(c.out, false, pingDrain)
	} else {
		c.life.drain = drainFinal
		c.changed = true
	}
	c.wrote()
	c.after()
}

// Draining says whether Drain was called, or the peer sent GOAWAY.
func (c *Conn) Draining() bool { return c.life.drain != drainNot || c.life.goneAway }

func (c *Conn) drainNow() {
	c.life.drain, c.life.drainLast = drainFinal, c.lastID
	c.out = appendGoAway(c.output(), c.lastID, NoError, "")
	c.wrote()
}

// settleDrain ends a drained connection with its last stream.
func (c *Conn) settleDrain() {
	if c.finished || c.Streams() > 0 || c.life.drain != drainFinal && !c.life.goneAway {
		return
	}
	if c.life.drain != drainFinal || !c.server {
		c.out = appendGoAway(c.output(), c.lastID, NoError, "")
	}
	c.finish(nil)
	c.wrote()
}

func (c *Conn) ponged(data uint64) {
	switch {
	case data == pingDrain && c.life.drain == drainAnnounced:
		c.drainNow()
	case data == pingAlive:
		c.life.pinged = 0
	}
}

func (c *Conn) onGoAway(f *frame) error {
	switch {
	case len(f.payload) < 8:
		return &ConnError{FrameSizeError, "GOAWAY of a wrong length"}
	case f.id != 0:
		return &ConnError{ProtocolError, "GOAWAY on a stream"}
	}
	last := binary.BigEndian.Uint32(f.payload) & maxWindow
	code := Code(binary.BigEndian.Uint32(f.payload[4:]))
	c.life.goneAway = true
	if c.server {
		return c.charge(costSettings)
	}
	c.changed = true
	var cut []*Stream
	for id, s := range c.streams {
		if id > last {
			cut = append(cut, s)
		}
	}
	if len(cut) > 0 {
		r := Reset{Code: RefusedStream, Unprocessed: true, Cause: &ConnError{code, "the peer ended the connection"}}
		for _, s := range cut {
			c.cut(s, &r)
		}
	}
	return c.charge(costSettings)
}

// Tick looks at what time has run out for, and gives the time at which it
// wants to be called again, 0 = never. Afterwards look at Finished.
func (c *Conn) Tick() (next int64) {
	if c.finished {
		return 0
	}
	now := c.o.Clock()
	due := func(since, timeout int64) bool {
		at := since + timeout
		if now >= at {
			return true
		}
		if next == 0 || at < next {
			next = at
		}
		return false
	}
	l, o := &c.life, c.o
	if l.settingsSent != 0 && due(l.settingsSent, o.SettingsTimeout) {
		c.fail(&ConnError{SettingsTimeout, "SETTINGS were not acknowledged"})
	}
	if l.drain == drainAnnounced && due(l.drainAt, o.DrainTimeout) {
		c.drainNow()
	}
	if l.pinged != 0 && due(l.pinged, o.PingTimeout) {
		c.fail(&ConnError{NoError, "PING was not answered"})
	}
	if o.PingAfter > 0 && l.pinged == 0 && c.Streams() > 0 && due(l.lastRead, o.PingAfter) {
		l.pinged = now
		c.out = appendPing(c.output(), false, pingAlive)
		c.wrote()
		due(now, o.PingTimeout)
	}
	if o.IdleTimeout > 0 && l.drain != drainFinal {
		since := l.idleSince
		if c.Streams() > 0 {
			since = now
		}
		if due(since, o.IdleTimeout) {
			c.idleOut()
		}
	}
	c.after()
	if c.finished {
		return 0
	}
	return next
}

// idleOut ends an idle connection. A request that is on its way meanwhile is
// one that GOAWAY tells the client to send again.
func (c *Conn) idleOut() {
	if c.server {
		c.drainNow()
		return
	}
	c.life.drain = drainFinal
}
