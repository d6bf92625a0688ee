package http2

import (
	"strconv"
	"unsafe"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// HeadWriter writes one head or trailer section. Begin it, add fields, Send it;
// nothing else may be written to the connection in between.
type HeadWriter struct {
	s     *Stream
	block []byte
	lower []byte
	// interim: the status is 1xx.
	interim bool
	void    bool // the stream is over; fields go nowhere
}

// Begin starts a head, or the trailer section once a final head was sent.
// What was begun must be sent, since fields change the compression's state.
func (s *Stream) Begin() *HeadWriter {
	w := &s.c.head
	w.s, w.interim = s, false
	w.void = s.localEnd || s.c.finished || s.id == 0 && !s.c.assign(s)
	if !w.void {
		w.block = s.c.enc.begin(s.c.pool.buf())
	}
	return w
}

// Status adds a response's status.
func (w *HeadWriter) Status(code int) {
	w.interim = code < 200
	var digits [20]byte
	w.Field(":status", view(strconv.AppendInt(digits[:0], int64(code), 10)))
}

// Request adds a request's pseudo fields. For CONNECT without a protocol,
// scheme and path are "".
func (w *HeadWriter) Request(method, scheme, authority, path string) {
	w.Field(":method", method)
	if scheme != "" {
		w.Field(":scheme", scheme)
	}
	if authority != "" {
		w.Field(":authority", authority)
	}
	if path != "" {
		w.Field(":path", path)
	}
	w.s.noBody = method == "HEAD"
}

// Field adds a field; name must be in lower case and value valid.
func (w *HeadWriter) Field(name, value string) {
	if !w.void {
		w.block = w.s.c.enc.field(w.block, name, value)
	}
}

// Table adds the fields of h that go to the other side: not those removed,
// hop-by-hop, in skip (a set of KnownHeaders), or of HTTP/1.1 connections.
func (w *HeadWriter) Table(sh *message.Shared, h *message.Head, skip *[256]bool) {
	if w.void {
		return
	}
	fs := sh.Fields(h)
	for i := range fs {
		f := &fs[i]
		if f.Flags&(message.FieldGone|message.FieldHop) != 0 || skip[f.ID] {
			continue
		}
		name, value := f.ID.Name(), sh.View(f.Value)
		switch f.ID {
		case message.HeaderOther:
			name = w.toLower(sh.NameOf(f))
		case message.HeaderConnection, message.HeaderKeepAlive, message.HeaderProxyConnection,
			message.HeaderTransferEncoding, message.HeaderUpgrade:
			continue
		case message.HeaderTE:
			value = "trailers" // a TE without it is hop-by-hop
		case message.HeaderHost:
			if !w.s.c.server {
				continue // :authority
			}
		}
		if f.Flags&message.FieldEdited != 0 && !validValue(value) {
			value = view(sanitize([]byte(value)))
		}
		w.block = w.s.c.enc.field(w.block, name, value)
	}
}

func (w *HeadWriter) toLower(name []byte) string {
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			w.lower = append(w.lower[:0], name...)
			for ; i < len(name); i++ {
				if c := name[i]; 'A' <= c && c <= 'Z' {
					w.lower[i] = c | 0x20
				}
			}
			return view(w.lower)
		}
	}
	return unsafe.String(unsafe.SliceData(name), len(name))
}

// sanitize makes a value that a plugin set one that the peer will take.
func sanitize(v []byte) []byte {
	for i, c := range v {
		if c < ' ' && c != '\t' || c == 127 {
			v[i] = ' '
		}
	}
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

// Len is how many bytes Send will send.
func (w *HeadWriter) Len() int { return len(w.block) + frameHeaderLen }

// Send sends the section; end: nothing follows. Trailers always end. The
// error is ErrClosed: the stream is over, or a client's connection takes no
// new one any more (then there is no Reset).
func (w *HeadWriter) Send(end bool) error {
	s, c := w.s, w.s.c
	w.s = nil
	if w.void {
		return ErrClosed
	}
	if s.sentHead {
		end = true
	} else if !w.interim {
		s.sentHead = true
	}
	flags, typ := uint8(0), frameHeaders
	if end {
		flags = flagEndStream
	}
	out := c.output()
	for b := w.block; ; {
		n := min(len(b), maxFrame)
		if n == len(b) {
			flags |= flagEndHeaders
		}
		out = appendFrameHeader(out, n, typ, flags, s.id)
		out = append(out, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			break
		}
		typ, flags = frameContinuation, 0
	}
	c.out = out
	c.pool.putBuf(w.block)
	w.block = nil
	if end {
		s.endLocal()
	}
	c.wrote()
	return nil
}

// Write sends body data, as much as the windows and the socket take now: n
// bytes of p. With less than all of it, Writable tells when to go on. end
// goes with the last byte; for no data it is sent at once.
func (s *Stream) Write(p []byte, end bool) (n int, err error) {
	c := s.c
	if s.localEnd || !s.sentHead || c.finished || c.broken != nil || c.doomed != nil {
		return 0, ErrClosed
	}
	if len(p) == 0 {
		if end {
			c.data(s, nil, true)
		}
		return 0, nil
	}
	for n < len(p) {
		k := min(len(p)-n, maxFrame, s.sendWindow, c.sendWindow)
		if k <= 0 || n > 0 && c.waiting.head != nil {
			break // others wait in line: one frame at a time
		}
		if room := c.room(); room < k {
			if room < minRoom {
				break
			}
			k = room
		}
		n += k
		if n < len(p) && k < minRoom {
			if c.doomed = c.charge(costDribble); c.doomed != nil {
				c.wake()
				return n - k, ErrClosed
			}
		} else {
			c.earn(earnData + k>>10)
		}
		c.data(s, p[n-k:n], end && n == len(p))
	}
	if n < len(p) {
		s.blocked = true
		if s.sendWindow > 0 {
			c.waiting.push(s)
		}
	}
	return n, nil
}

// Room is how much Write would take now.
func (s *Stream) Room() int {
	if s.localEnd || s.c.finished {
		return 0
	}
	return max(min(s.sendWindow, s.c.sendWindow, s.c.room()), 0)
}

// minRoom is the least room that a frame is cut down to; less of it than that
// is charged to a peer whose window is to blame.
const minRoom = 1024

// data sends one DATA frame.
func (c *Conn) data(s *Stream, p []byte, end bool) {
	flags := uint8(0)
	if end {
		flags = flagEndStream
	}
	out := appendFrameHeader(c.output(), len(p), frameData, flags, s.id)
	c.out = append(out, p...)
	s.sendWindow -= len(p)
	c.sendWindow -= len(p)
	if end {
		s.endLocal()
	}
	c.wrote()
}

// room is how many bytes of data may be collected for the socket.
func (c *Conn) room() int { return outLimit - c.w.Pending() - len(c.out) }

// serveWaiting tells streams in line that they may write, in turn.
func (c *Conn) serveWaiting() {
	for c.waiting.head != nil && c.sendWindow > 0 && c.room() >= minRoom && !c.finished && c.doomed == nil {
		s := c.waiting.pop()
		if s.blocked && !s.localEnd && s.sendWindow > 0 {
			s.blocked = false
			c.h.Writable(s)
		}
	}
}

// reopened puts a stream in line whose window was closed.
func (c *Conn) reopened(s *Stream) {
	if s.blocked && s.sendWindow > 0 {
		c.waiting.push(s)
	}
}

// streamQueue is the line of streams that wait for the connection's window or
// for the socket.
type streamQueue struct{ head, tail *Stream }

func (q *streamQueue) push(s *Stream) {
	if s.queued {
		return
	}
	s.queued = true
	if q.head == nil {
		q.head = s
	} else {
		q.tail.next = s
	}
	q.tail = s
}

func (q *streamQueue) pop() *Stream {
	s := q.head
	q.head, s.next, s.queued = s.next, nil, false
	return s
}

// remove takes a stream out of the line.
func (q *streamQueue) remove(s *Stream) {
	if !s.queued {
		return
	}
	for at, prev := q.head, (*Stream)(nil); at != nil; at, prev = at.next, at {
		if at != s {
			continue
		}
		if prev == nil {
			q.head = s.next
		} else {
			prev.next = s.next
		}
		if q.tail == s {
			q.tail = prev
		}
		break
	}
	s.next, s.queued = nil, false
}
