package http2

// CanOpen says whether a request can be sent now: the server allows one more
// stream, and neither side has said that it goes away.
func (c *Conn) CanOpen() bool {
	return c.Usable() && c.Streams() < c.peer.maxStreams
}

// Limit is how many streams at a time the server allows; known says that its
// SETTINGS have come, before which it is a guess.
func (c *Conn) Limit() (streams int, known bool) { return c.peer.maxStreams, c.gotLimit }

// Usable says whether the connection takes further requests, now or once
// others are finished.
func (c *Conn) Usable() bool {
	return !c.server && !c.finished && !c.Draining() && c.nextID <= maxWindow && c.broken == nil
}

// ConnectProtocol says whether the server allows extended CONNECT (RFC 8441).
// It is not known before Changed.
func (c *Conn) ConnectProtocol() bool { return c.peer.connectProtocol }

// Open makes a stream for a request, nil if CanOpen says no. Its head gives it
// its number and sends it; a stream that is Closed before was never there.
func (c *Conn) Open() *Stream {
	if !c.CanOpen() {
		return nil
	}
	s := c.pool.stream()
	s.c, s.left = c, -1
	s.recvWindow, s.target = defaultWindow, defaultWindow
	c.opening++
	c.held++
	return s
}

// assign gives a stream its number; false if the connection takes none any more.
func (c *Conn) assign(s *Stream) bool {
	if !c.Usable() {
		return false
	}
	s.id = c.nextID
	s.sendWindow = c.peer.window
	c.nextID += 2
	c.opening--
	c.streams[s.id] = s
	if c.nextID > maxWindow { // the numbers are used up
		c.life.drain = drainFinal
		c.changed = true
	}
	return true
}
