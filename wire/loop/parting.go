package loop

// parting is a socket whose user has closed it while bytes waited for the
// kernel: it is closed once they are sent.
type parting struct {
	Conn
	timer Timer
}

// CloseSent closes the socket as close(2) does after a blocking write: what
// waits is still sent, as far as the other side takes it within patience
// nanoseconds. The Conn is closed at once.
func (c *Conn) CloseSent(patience int64) {
	if c.closed {
		return
	}
	c.WriteNow()
	if c.Connecting || c.Flush() != nil || c.Pending() == 0 {
		c.Close()
		return
	}
	p := &parting{Conn: Conn{L: c.L, FD: c.FD, out: c.out, sent: c.sent}}
	c.closed, c.out, c.sent = true, nil, 0
	c.L.slots[c.FD].h = p
	p.timer.Init(c.L, p.end)
	p.timer.After(patience)
}

// Ready implements Handler. A peer that shut its own side may still read.
func (p *parting) Ready(ev Events) {
	if !p.closed && ev&Writable != 0 && (p.Flush() != nil || p.Pending() == 0) {
		p.end()
	}
}

func (p *parting) end() {
	p.timer.Drop()
	p.Close()
}

// endPartings closes what still parts when the loop ends: nobody else has it any more.
func (l *Loop) endPartings() {
	for i := range l.slots {
		if p, ok := l.slots[i].h.(*parting); ok {
			p.end()
		}
	}
}
