package http2

import (
	"encoding/binary"

	"golang.org/x/net/http2/hpack"
)

// frame handles one frame. An error that it returns ends the connection.
func (c *Conn) frame(f *frame) error {
	if c.block != nil && (f.typ != frameContinuation || f.id != c.blockFrame.id) {
		return &ConnError{ProtocolError, "another frame inside of a header block"}
	}
	if !c.gotSettings {
		if f.typ != frameSettings || f.has(flagAck) {
			return &ConnError{ProtocolError, "the first frame is no SETTINGS"}
		}
		c.gotSettings = true
	}
	var err error
	switch f.typ {
	case frameData:
		err = c.onData(f)
	case frameHeaders:
		err = c.onHeaders(f)
	case frameContinuation:
		err = c.onContinuation(f)
	case frameSettings:
		err = c.onSettings(f)
	case frameWindowUpdate:
		err = c.onWindowUpdate(f)
	case frameRSTStream:
		err = c.onRSTStream(f)
	case framePing:
		err = c.onPing(f)
	case frameGoAway:
		err = c.onGoAway(f)
	case framePriority:
		err = c.onPriority(f)
	case framePushPromise:
		err = &ConnError{ProtocolError, "PUSH_PROMISE, which was not allowed"}
	default:
		err = c.charge(costIgnored)
	}
	if e, ok := err.(*streamError); ok {
		return c.misused(e)
	}
	return err
}

// misused resets a stream for what the peer did.
func (c *Conn) misused(e *streamError) error {
	c.out = appendRSTStream(c.output(), e.id, e.code)
	c.recent.add(e.id, true)
	if s := c.streams[e.id]; s != nil {
		c.cut(s, &Reset{Code: e.code, Cause: e})
	}
	c.wrote()
	return c.charge(costReset)
}

// cut ends a stream and tells the handler.
func (c *Conn) cut(s *Stream, r *Reset) {
	s.kill()
	if !s.closed {
		c.h.Reset(s, r)
	}
}

// idle says that a stream was never opened.
func (c *Conn) idle(id uint32) bool {
	if c.server == (id%2 == 1) {
		return id > c.lastID // the peer's
	}
	return c.server || id >= c.nextID // a server of ours opens none
}

func (c *Conn) onData(f *frame) error {
	if f.id == 0 {
		return &ConnError{ProtocolError, "DATA on stream 0"}
	}
	p, ok := f.unpad()
	if !ok {
		return &ConnError{ProtocolError, "DATA with more padding than frame"}
	}
	n := len(f.payload)
	if n > c.recvWindow {
		return &ConnError{FlowControlError, "more DATA than the connection's window"}
	}
	c.recvWindow -= n
	s := c.streams[f.id]
	if s == nil || s.remoteEnd {
		c.creditConn()
		return c.lateData(f, s)
	}
	if n > s.recvWindow {
		return &streamError{f.id, FlowControlError, "more DATA than the stream's window"}
	}
	s.recvWindow -= n
	if !s.gotHead {
		c.creditConn()
		return &streamError{f.id, ProtocolError, "DATA before a final head"}
	}
	if len(p) == 0 && !f.has(flagEndStream) {
		c.creditConn()
		s.credit()
		return c.charge(costEmpty)
	}
	if s.left >= 0 {
		if s.left -= int64(len(p)); s.left < 0 || f.has(flagEndStream) && s.left > 0 {
			c.creditConn()
			return &streamError{f.id, ProtocolError, "DATA does not fit content-length"}
		}
	}
	c.deliver(s, p, f.has(flagEndStream))
	return nil
}

// deliver hands data to the stream's owner.
func (c *Conn) deliver(s *Stream, p []byte, end bool) {
	c.buffered += len(p)
	if s.in != nil {
		s.in = append(s.in, p...)
	} else {
		s.hot = p
	}
	if end {
		s.endRemote()
	}
	c.h.Readable(s)
	if !s.closed {
		s.keep()
	}
	if len(p) < maxFrame { // padding was not consumed by anybody
		s.credit()
	}
	c.creditConn()
}

// lateData is DATA on a stream that cannot have any.
func (c *Conn) lateData(f *frame, s *Stream) error {
	if s != nil {
		return &streamError{f.id, StreamClosed, "DATA behind the end of the stream"}
	}
	if c.idle(f.id) {
		return &ConnError{ProtocolError, "DATA on a stream that was not opened"}
	}
	ended, reset := c.recent.find(f.id)
	switch {
	case reset || f.id > c.life.drainLast && c.life.drain == drainFinal:
		return nil // it was on its way
	case ended:
		return &ConnError{StreamClosed, "DATA on a closed stream"}
	}
	return &streamError{f.id, StreamClosed, "DATA on a closed stream"}
}

func (c *Conn) onHeaders(f *frame) error {
	if f.id == 0 {
		return &ConnError{ProtocolError, "HEADERS on stream 0"}
	}
	p, ok := f.unpad()
	if !ok {
		return &ConnError{ProtocolError, "HEADERS with more padding than frame"}
	}
	f.flags &^= flagSelfDependent
	if f.has(flagPriority) {
		if len(p) < 5 {
			return &ConnError{FrameSizeError, "HEADERS too short for its priority"}
		}
		if binary.BigEndian.Uint32(p)&maxWindow == f.id {
			f.flags |= flagSelfDependent
		}
		p = p[5:]
	}
	if f.has(flagEndHeaders) {
		return c.headers(f, p)
	}
	c.blockFrame = frame{typ: f.typ, flags: f.flags, id: f.id}
	c.block = append(c.pool.buf(), p...)
	c.continuations = 0
	return nil
}

// flagSelfDependent is ours, on a frame that depends on its own stream: a
// stream error, but only once its block was decoded.
const flagSelfDependent = 0x80

func (c *Conn) onContinuation(f *frame) error {
	if c.block == nil {
		return &ConnError{ProtocolError, "CONTINUATION without HEADERS"}
	}
	c.continuations++
	if c.continuations > maxContinuations || len(c.block)+len(f.payload) > c.o.MaxHeaderList {
		return &ConnError{EnhanceYourCalm, "a header block that is too long"}
	}
	c.block = append(c.block, f.payload...)
	if !f.has(flagEndHeaders) {
		return nil
	}
	b, first := c.block, c.blockFrame
	c.block = nil
	err := c.headers(&first, b)
	c.pool.putBuf(b)
	return err
}

// headers handles a whole header block.
func (c *Conn) headers(f *frame, block []byte) error {
	s := c.streams[f.id]
	switch {
	case s != nil:
		return c.moreHeaders(s, f, block)
	case f.id%2 == 0:
		return &ConnError{ProtocolError, "HEADERS on a stream with an even number"}
	case c.server && f.id > c.lastID:
		return c.newRequest(f, block)
	case !c.server && f.id >= c.nextID:
		return &ConnError{ProtocolError, "HEADERS on a stream that was not opened"}
	}
	ended, reset := c.recent.find(f.id)
	switch {
	case ended && !reset:
		return &ConnError{StreamClosed, "HEADERS on a closed stream"}
	case !ended && c.server:
		return &ConnError{ProtocolError, "HEADERS with a stream number lower than an earlier one"}
	}
	_, err := c.decode(headDiscard, block) // it was on its way
	return err
}

// decode decodes a header block into the scratch head.
func (c *Conn) decode(kind headKind, block []byte) (*Head, error) {
	h := &c.pool.head
	h.reset(kind, c.o)
	_, err := c.dec.Write(block)
	if err == nil {
		err = c.dec.Close()
	}
	switch {
	case err == hpack.ErrStringLength || h.large:
		return nil, &ConnError{EnhanceYourCalm, "a header list that is too long"}
	case err != nil:
		return nil, &ConnError{CompressionError, err.Error()}
	}
	h.finish()
	return h, nil
}

func (c *Conn) newRequest(f *frame, block []byte) error {
	kind := headRequest
	full := len(c.streams) >= c.o.MaxStreams || c.held >= 2*c.o.MaxStreams
	late := c.life.drain == drainFinal
	if full || late {
		kind = headDiscard
	}
	h, err := c.decode(kind, block)
	if err != nil {
		return err
	}
	c.lastID = f.id
	switch {
	case late:
		return nil // the client knows from GOAWAY that it must ask elsewhere
	case full:
		return &streamError{f.id, RefusedStream, "too many streams at a time"}
	case f.has(flagSelfDependent):
		return &streamError{f.id, ProtocolError, "a stream that depends on itself"}
	case h.bad != "":
		return &streamError{f.id, ProtocolError, h.bad}
	case f.has(flagEndStream) && h.Length > 0:
		return &streamError{f.id, ProtocolError, "no DATA for content-length"}
	}
	s := c.pool.stream()
	s.c, s.id, s.left, s.gotHead = c, f.id, h.Length, true
	s.recvWindow, s.target, s.sendWindow = defaultWindow, defaultWindow, c.peer.window
	c.streams[f.id] = s
	c.held++
	if f.has(flagEndStream) {
		s.remoteEnd, h.End = true, true
	}
	c.h.Head(s, h)
	return nil
}

// moreHeaders is a response head, or trailers.
func (c *Conn) moreHeaders(s *Stream, f *frame, block []byte) error {
	kind := headTrailer
	if !s.gotHead {
		kind = headResponse
	}
	h, err := c.decode(kind, block)
	if err != nil {
		return err
	}
	end := f.has(flagEndStream)
	switch {
	case s.remoteEnd:
		return &streamError{s.id, StreamClosed, "HEADERS behind the end of the stream"}
	case f.has(flagSelfDependent):
		return &streamError{s.id, ProtocolError, "a stream that depends on itself"}
	case h.bad != "":
		return &streamError{s.id, ProtocolError, h.bad}
	case kind == headTrailer && !end:
		return &streamError{s.id, ProtocolError, "trailers that do not end the stream"}
	case kind == headTrailer:
		return c.onTrailer(s, h)
	}
	return c.onResponse(s, h, end)
}

func (c *Conn) onTrailer(s *Stream, h *Head) error {
	if s.left > 0 {
		return &streamError{s.id, ProtocolError, "less DATA than content-length"}
	}
	if s.trailer == nil {
		s.trailer = new(Head)
	}
	h.End = true
	s.trailer.copyFrom(h)
	s.ended = true
	s.endRemote()
	c.h.Readable(s)
	return nil
}

func (c *Conn) onResponse(s *Stream, h *Head, end bool) error {
	if h.Status < 200 {
		if end {
			return &streamError{s.id, ProtocolError, "an interim response that ends the stream"}
		}
		c.h.Head(s, h)
		return c.charge(costEmpty)
	}
	s.gotHead = true
	if h.Status == 204 || h.Status == 304 {
		s.noBody = true
	}
	if s.left = h.Length; s.noBody {
		s.left = 0
	}
	if end && s.left > 0 {
		return &streamError{s.id, ProtocolError, "no DATA for content-length"}
	}
	if h.End = end; end {
		s.endRemote()
	}
	c.h.Head(s, h)
	return nil
}

func (c *Conn) onRSTStream(f *frame) error {
	switch {
	case len(f.payload) != 4:
		return &ConnError{FrameSizeError, "RST_STREAM of a wrong length"}
	case f.id == 0 || c.idle(f.id):
		return &ConnError{ProtocolError, "RST_STREAM on a stream that was not opened"}
	}
	s := c.streams[f.id]
	c.recent.add(f.id, false)
	if s == nil {
		return c.charge(costIgnored)
	}
	code := Code(binary.BigEndian.Uint32(f.payload))
	if s.remoteEnd && !c.server {
		// The response is complete; the server does not want the rest of the
		// request. What is buffered may still be consumed.
		s.localEnd = true
		s.retire()
		if s.blocked {
			s.blocked = false
			c.h.Writable(s)
		}
		return nil
	}
	c.cut(s, &Reset{Code: code, Remote: true, Unprocessed: code == RefusedStream})
	return c.charge(costReset)
}

func (c *Conn) onPriority(f *frame) error {
	switch {
	case f.id == 0:
		return &ConnError{ProtocolError, "PRIORITY on stream 0"}
	case len(f.payload) != 5:
		return &streamError{f.id, FrameSizeError, "PRIORITY of a wrong length"}
	case binary.BigEndian.Uint32(f.payload)&maxWindow == f.id:
		return &streamError{f.id, ProtocolError, "a stream that depends on itself"}
	}
	return c.charge(costIgnored)
}
