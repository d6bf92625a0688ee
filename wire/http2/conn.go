package http2

import (
	"time"

	"golang.org/x/net/http2/hpack"
)

// Options bound a connection. Zero values stand for the defaults named.
type Options struct {
	// MaxStreams is how many streams the peer may have open at a time (128).
	MaxStreams int
	// StreamWindow is what may be on its way, or wait to be consumed, on a
	// stream whose owner consumes; before the first Consume it is 65535. Bytes (256 kB).
	StreamWindow int
	// ConnWindow is the same for all streams together. Bytes (1 MB).
	ConnWindow int
	// MaxHeaderList bounds a header list, as RFC 9113 section 6.5.2 counts it,
	// and its encoded form. Bytes (32 kB).
	MaxHeaderList int
	// MaxField bounds name and value of one field. Bytes (MaxHeaderList).
	MaxField int
	// MaxFields bounds the number of fields (1000).
	MaxFields int
	// DropUnderscores leaves request fields out whose names have '_'.
	DropUnderscores bool
	// KeepOddNames keeps request fields whose names have other bytes than
	// letters, digits, '-' and '_'; without it they are left out.
	KeepOddNames bool
	// ExtendedConnect allows CONNECT with :protocol (RFC 8441). Server only.
	ExtendedConnect bool
	// Budget is what a peer may spend on frames that do nothing (2000); see limits.go.
	Budget int
	// Clock gives nanoseconds of a monotonic clock, such as loop.Loop's Now (the system's).
	Clock func() int64
	// SettingsTimeout bounds the peer's answer to our SETTINGS, DrainTimeout
	// the first phase of Drain. Nanoseconds (10 s, 1 s).
	SettingsTimeout, DrainTimeout int64
	// IdleTimeout ends a connection that has had no stream for so long.
	// Nanoseconds, 0 = never.
	IdleTimeout int64
	// PingAfter sends a PING when nothing came for so long while streams are
	// open; without an answer within PingTimeout (15 s) the connection ends.
	// Nanoseconds, 0 = never.
	PingAfter, PingTimeout int64
}

// Defaulted is o with defaults for what is 0.
func (o Options) Defaulted() *Options {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.MaxStreams, 128)
	set(&o.StreamWindow, 256<<10)
	set(&o.ConnWindow, 1<<20)
	o.StreamWindow = min(max(o.StreamWindow, defaultWindow), maxWindow)
	o.ConnWindow = min(max(o.ConnWindow, defaultWindow), maxWindow)
	set(&o.MaxHeaderList, 32<<10)
	set(&o.MaxField, o.MaxHeaderList)
	o.MaxField = min(o.MaxField, 65535)
	set(&o.MaxFields, 1000)
	set(&o.Budget, budgetCap)
	for v, d := range map[*int64]int64{&o.SettingsTimeout: 10e9, &o.DrainTimeout: 1e9, &o.PingTimeout: 15e9} {
		if *v <= 0 {
			*v = d
		}
	}
	if o.Clock == nil {
		o.Clock = sinceStart
	}
	return &o
}

var started = time.Now()

func sinceStart() int64 { return int64(time.Since(started)) + 1 }

// Writer is where a Conn's bytes go: a loop.Conn, or a buffer in tests.
type Writer interface {
	// Write takes all of p, or keeps what the socket does not take. p is the
	// caller's again afterwards. An error means that the connection is broken.
	Write(p []byte) error
	// Pending is how many bytes wait for the socket.
	Pending() int
}

// Handler is told what happens on a connection. Calls come from within Feed,
// Flush, Resume, Tick, Lost and Stream methods as told there; they may call
// any method of streams and of the Conn but Feed.
type Handler interface {
	// Head: a request came (server), or a response, which may be an interim
	// one (client). With it a server's Stream is the handler's: it must be
	// Closed in the end, once. h is valid within the call.
	Head(s *Stream, h *Head)
	// Readable: there is more in Buffered, or the body ended (Ended).
	Readable(s *Stream)
	// Writable: Write may take more, after it took less than it was given.
	Writable(s *Stream)
	// Reset: the stream ended before its time, but for what Reset itself did.
	// It still must be Closed.
	Reset(s *Stream, r *Reset)
	// Wake: there is something to flush. It is called once before each Flush.
	Wake(c *Conn)
	// Changed: what CanOpen says may have changed. Client only.
	Changed(c *Conn)
}

const (
	// flushAt is how much output is collected before it is written at once.
	flushAt = 32 << 10
	// outLimit bounds what waits for the socket before Write takes no more.
	outLimit = 64 << 10
	// congestedAt is reached only by frames that flow control does not bound.
	congestedAt = 256 << 10
)

// Conn is one HTTP/2 connection. Make it with NewServer or NewClient, then Start it.
type Conn struct {
	w      Writer
	h      Handler
	pool   *Pool
	o      *Options
	server bool

	preface     int // bytes of the client's preface still to come
	gotSettings bool
	gotLimit    bool   // SETTINGS_MAX_CONCURRENT_STREAMS came, or did not with the first SETTINGS
	in          []byte // a part of a frame
	whole       []byte // the frame that is handled, where it came in parts
	out         []byte
	woken       bool // Wake was called
	busy        bool // a call that takes events is on the stack
	finished    bool
	err         error // why, nil after a drain
	broken      error // of the Writer
	doomed      error // how the connection will end, once no stream method is on the stack

	streams map[uint32]*Stream
	// held counts Streams that the handler has not closed, opening those of
	// them that have no id yet.
	held, opening int
	dead          []*Stream // closed, to be given back to the pool
	recent        recentIDs
	// nextID is the next stream of ours, lastID the highest of the peer's.
	nextID, lastID uint32

	recvWindow, buffered int
	sendWindow           int
	peer                 peerSettings
	waiting              streamQueue

	dec  *hpack.Decoder
	enc  encoder
	head HeadWriter
	// block collects a header block that goes on in CONTINUATION frames.
	block         []byte
	blockFrame    frame
	continuations int

	budget   int
	refilled int64
	changed  bool // Changed is due
	life     life
}

// peerSettings are what the peer's SETTINGS said.
type peerSettings struct {
	window, maxFrame, maxStreams int
	connectProtocol              bool
}

// NewServer makes the server's side of a connection. o must be Defaulted.
func NewServer(w Writer, h Handler, p *Pool, o *Options) *Conn {
	c := newConn(w, h, p, o)
	c.server, c.preface = true, len(Preface)
	return c
}

// NewClient makes the client's side of a connection. o must be Defaulted.
func NewClient(w Writer, h Handler, p *Pool, o *Options) *Conn {
	c := newConn(w, h, p, o)
	c.nextID = 1
	return c
}

func newConn(w Writer, h Handler, p *Pool, o *Options) *Conn {
	c := &Conn{
		w: w, h: h, pool: p, o: o, streams: map[uint32]*Stream{}, budget: o.Budget, enc: newEncoder(),
		recvWindow: defaultWindow, sendWindow: defaultWindow,
		// Until its SETTINGS come, a server is taken to allow as many as RFC
		// 9113 section 6.5.2 asks it to.
		peer: peerSettings{window: defaultWindow, maxFrame: maxFrame, maxStreams: 100},
	}
	c.dec = hpack.NewDecoder(tableSize, func(f hpack.HeaderField) { c.pool.head.field(f) })
	c.dec.SetMaxStringLength(o.MaxField)
	return c
}

// Start sends what a connection begins with.
func (c *Conn) Start() {
	now := c.o.Clock()
	c.refilled = now
	c.life = life{settingsSent: now, idleSince: now, lastRead: now}
	out := c.output()
	if !c.server {
		out = append(out, Preface...)
	}
	at := len(out)
	out = append(out, make([]byte, frameHeaderLen)...)
	if c.server {
		out = appendSetting(out, settingMaxStreams, uint32(c.o.MaxStreams))
		if c.o.ExtendedConnect {
			out = appendSetting(out, settingConnectProtocol, 1)
		}
		out = appendSetting(out, settingNoRFC7540Priorit, 1)
	} else {
		out = appendSetting(out, settingEnablePush, 0)
	}
	out = appendSetting(out, settingMaxHeaderList, uint32(c.o.MaxHeaderList))
	appendFrameHeader(out[:at], len(out)-at-frameHeaderLen, frameSettings, 0, 0)
	c.out = out
	c.creditConn()
	c.wrote()
}

// Feed takes what was read from the peer, all of it. An error says that the
// connection is over: what waits must be flushed and the socket closed. Feed
// while not Congested, so that output stays bounded.
func (c *Conn) Feed(p []byte) error {
	if c.finished {
		return c.Err()
	}
	c.life.lastRead = c.o.Clock()
	c.busy = true
	err := c.takePreface(&p)
	for err == nil && !c.finished && len(p) > 0 {
		var f frame
		var ok bool
		if f, p, ok, err = c.nextFrame(p); !ok {
			break
		}
		err = c.frame(&f)
		if c.whole != nil {
			c.pool.putBuf(c.whole)
			c.whole = nil
		}
	}
	c.busy = false
	if err != nil {
		c.fail(err)
	}
	c.after()
	if c.finished {
		return c.Err()
	}
	return nil
}

// takePreface checks the client's preface.
func (c *Conn) takePreface(p *[]byte) error {
	if c.preface == 0 {
		return nil
	}
	n := min(c.preface, len(*p))
	at := len(Preface) - c.preface
	if string((*p)[:n]) != Preface[at:at+n] {
		return &ConnError{ProtocolError, "the client's preface is not HTTP/2's"}
	}
	c.preface -= n
	*p = (*p)[n:]
	return nil
}

// nextFrame cuts a whole frame off p; without one, p is kept.
func (c *Conn) nextFrame(p []byte) (f frame, rest []byte, ok bool, err error) {
	if len(c.in) > 0 {
		n := min(len(p), max(frameHeaderLen-len(c.in), 0))
		c.in, p = append(c.in, p[:n]...), p[n:]
		if len(c.in) < frameHeaderLen {
			return f, nil, false, nil
		}
		size := frameLen(c.in)
		if size > maxFrame {
			return f, nil, false, &ConnError{FrameSizeError, "a frame larger than SETTINGS_MAX_FRAME_SIZE"}
		}
		n = min(len(p), frameHeaderLen+size-len(c.in))
		c.in, p = append(c.in, p[:n]...), p[n:]
		if len(c.in) < frameHeaderLen+size {
			return f, nil, false, nil
		}
		f = parseFrame(c.in, size)
		c.whole, c.in = c.in, nil
		return f, p, true, nil
	}
	if len(p) >= frameHeaderLen {
		size := frameLen(p)
		if size > maxFrame {
			return f, nil, false, &ConnError{FrameSizeError, "a frame larger than SETTINGS_MAX_FRAME_SIZE"}
		}
		if len(p) >= frameHeaderLen+size {
			return parseFrame(p, size), p[frameHeaderLen+size:], true, nil
		}
	}
	c.in = append(c.pool.buf(), p...)
	return f, nil, false, nil
}

// after does what is put off to the end of a call that took input.
func (c *Conn) after() {
	if c.busy {
		return
	}
	c.busy = true
	if !c.finished {
		c.serveWaiting()
		if c.doomed != nil {
			c.fail(c.doomed)
		}
		c.settleDrain()
	}
	if c.changed {
		c.changed = false
		c.h.Changed(c)
	}
	c.busy = false
	c.reap()
}

// reap gives streams that were closed back to the pool.
func (c *Conn) reap() {
	for i, s := range c.dead {
		c.pool.putStream(s)
		c.dead[i] = nil
	}
	c.dead = c.dead[:0]
}

// fail ends the connection with a GOAWAY.
func (c *Conn) fail(err error) {
	if c.finished {
		return
	}
	e, ok := err.(*ConnError)
	if !ok {
		e = &ConnError{InternalError, err.Error()}
	}
	c.out = appendGoAway(c.output(), c.lastID, e.Code, e.Reason)
	c.finish(e)
	c.wrote()
}

// finish ends the connection: every stream still open is reset.
func (c *Conn) finish(err error) {
	c.finished, c.err = true, err
	c.changed = !c.server
	if c.in != nil {
		c.pool.putBuf(c.in)
		c.in = nil
	}
	c.block = nil
	if len(c.streams) == 0 {
		return
	}
	cut := make([]*Stream, 0, len(c.streams))
	for _, s := range c.streams {
		cut = append(cut, s)
	}
	r := Reset{Code: InternalError, Cause: err}
	if err == nil {
		r = Reset{Code: NoError, Cause: ErrDone}
	}
	for _, s := range cut {
		c.cut(s, &r)
	}
}

// Lost tells that the socket ended, with err or nil for its regular end.
// Streams still open are reset.
func (c *Conn) Lost(err error) {
	if c.finished {
		return
	}
	if err == nil {
		err = errGone
	}
	c.broken = err
	c.finish(err)
	c.after()
}

// Finished says that the connection is over: flush, then close the socket.
func (c *Conn) Finished() bool { return c.finished }

// Err is why the connection is over: nil while it is not, ErrDone when it was
// drained, a *ConnError when a rule was broken, or how the socket ended.
func (c *Conn) Err() error {
	if c.finished && c.err == nil {
		return ErrDone
	}
	return c.err
}

// Streams is how many streams are open; Held how many the handler has not closed.
func (c *Conn) Streams() int { return len(c.streams) + c.opening }

// Held is how many streams the handler has not closed.
func (c *Conn) Held() int { return c.held }

// Congested says that too much waits for the socket: Feed no more before Resume.
func (c *Conn) Congested() bool { return c.w.Pending()+len(c.out) > congestedAt }

// output is the buffer that output is appended to.
func (c *Conn) output() []byte {
	if c.out == nil {
		c.out = c.pool.buf()
	}
	return c.out
}

// wrote sends what was collected when it is much, else asks for a Flush.
func (c *Conn) wrote() {
	if len(c.out) >= flushAt {
		c.push()
	}
	if len(c.out) > 0 || c.finished {
		c.wake()
	}
}

// wake asks for a Flush, in which events happen that were put off.
func (c *Conn) wake() {
	if !c.woken {
		c.woken = true
		c.h.Wake(c)
	}
}

// push writes what was collected.
func (c *Conn) push() {
	if len(c.out) == 0 {
		return
	}
	if c.broken == nil {
		c.broken = c.w.Write(c.out)
	}
	c.pool.putBuf(c.out)
	c.out = nil
}

// Flush writes what waits. An error says that the socket is broken; streams
// were reset then.
func (c *Conn) Flush() error {
	c.woken = false
	c.push()
	if c.broken != nil && !c.finished {
		c.finish(c.broken)
	}
	c.after()
	return c.broken
}

// Resume tells that the socket took all that waited.
func (c *Conn) Resume() { c.after() }
