package websocket

import "unicode/utf8"

// Message is a whole message or a control frame.
type Message struct {
	// Op is Text, Binary, Close, Ping or Pong; Continuation where there is none.
	Op Opcode
	// Payload without compression; of a close frame the reason. It may point
	// into what the Reader was given, and is valid until its next call.
	Payload []byte
	// Code is the status of a close frame, 0 where it has none.
	Code int
	// Packed: Payload is compressed still, and Reader.Unpack takes that off.
	Packed bool
}

// Reader reads one direction of a connection. The zero value reads a client's
// frames, without compression or limit.
type Reader struct {
	// FromServer: frames come from a server, which does not mask them.
	FromServer bool
	// Limit is the most bytes a message may have, compressed and not; 0 = no
	// limit. It may change between calls.
	Limit int
	// Inflate decompresses; nil: permessage-deflate was not negotiated.
	Inflate *Inflater
	// Later is the size from which compressed messages are given as they are
	// (Message.Packed), for a user who decompresses elsewhere; 0 = never.
	Later int

	h       Header
	head    [MaxHeader]byte // the beginning of a header
	headN   int
	inFrame bool
	at      uint64 // payload bytes of the frame that came

	op         Opcode // of the message under way, Continuation for none
	compressed bool
	text       textCheck
	buf        []byte // of the message under way
	control    [MaxControl]byte
	controlN   int
}

// Idle says that no part of a frame or message was read.
func (r *Reader) Idle() bool { return !r.inFrame && r.headN == 0 && r.op == Continuation }

// firstBuffer bounds the memory that a mere header makes the reader take.
const firstBuffer = 64 << 10

// keepBuffer is the largest buffer that stays with an idle reader.
const keepBuffer = 16 << 10

// Next reads from the front of p and says how much it took. ok: there is a
// message; the rest of p may have more. Otherwise all of p was taken. p is
// unmasked in place. After an error the Reader must not be used any more.
func (r *Reader) Next(p []byte) (n int, m Message, ok bool, err error) {
	if r.op == Continuation && cap(r.buf) > keepBuffer {
		r.buf = nil
	}
	for {
		if !r.inFrame {
			k, err := r.header(p[n:])
			n += k
			if err != nil || !r.inFrame {
				return n, m, false, err
			}
		}
		k, m, ok, err := r.payload(p[n:])
		n += k
		if ok || err != nil || r.inFrame {
			return n, m, ok, err
		}
	}
}

// header takes a header off p; afterwards inFrame unless more is needed.
func (r *Reader) header(p []byte) (n int, err error) {
	b := p
	if r.headN > 0 {
		n = copy(r.head[r.headN:], p)
		b = r.head[:r.headN+n]
	}
	h, size, err := ParseHeader(b)
	if err != nil {
		return n, err
	}
	if size == 0 {
		if len(b) >= 2 {
			if err := r.check(&h, false); err != nil {
				return n, err
			}
		}
		if r.headN == 0 {
			n = copy(r.head[:], p)
		}
		r.headN += n
		return n, nil
	}
	n = size - r.headN
	r.headN = 0
	if err := r.check(&h, true); err != nil {
		return n, err
	}
	r.h, r.at, r.inFrame = h, 0, true
	switch {
	case h.Op.Control():
		r.controlN = 0
	case h.Op != Continuation:
		r.op, r.compressed = h.Op, h.RSV == rsv1
		r.buf = r.buf[:0]
	}
	return n, nil
}

// check refuses what a header may not say; whole: its length is known.
func (r *Reader) check(h *Header, whole bool) error {
	switch {
	case h.RSV != 0 && (h.RSV != rsv1 || r.Inflate == nil || h.Op.Control() || h.Op == Continuation):
		return protocol("frame with reserved bits set")
	case !h.Op.Valid():
		return protocol("frame with a reserved opcode")
	case h.Masked == r.FromServer:
		if r.FromServer {
			return protocol("masked frame from a server")
		}
		return protocol("frame that is not masked")
	case h.Op.Control() && !h.Fin:
		return protocol("fragmented control frame")
	case h.Op.Control() && h.Length > MaxControl:
		return protocol("control frame with more than 125 bytes")
	case h.Op == Continuation && r.op == Continuation:
		return protocol("continuation without a message")
	case (h.Op == Text || h.Op == Binary) && r.op != Continuation:
		return protocol("new message before the end of another")
	}
	if whole && !h.Op.Control() && r.Limit > 0 && (h.Length > uint64(r.Limit) || uint64(len(r.buf))+h.Length > uint64(r.Limit) && h.Op == Continuation) {
		return &Error{MessageTooBig, "message is larger than the limit"}
	}
	return nil
}

// payload takes payload bytes off p; ok with the end of a message.
func (r *Reader) payload(p []byte) (n int, m Message, ok bool, err error) {
	n = int(min(r.h.Length-r.at, uint64(len(p))))
	p = p[:n]
	if r.h.Masked {
		Mask(r.h.Key, int(r.at&3), p)
	}
	r.at += uint64(n)
	end := r.at == r.h.Length
	r.inFrame = !end
	if r.h.Op.Control() {
		r.controlN += copy(r.control[r.controlN:], p)
		if !end {
			return n, m, false, nil
		}
		m, err = r.controlFrame()
		return n, m, err == nil, err
	}
	if r.op == Text && !r.compressed && !r.text.add(p) {
		return n, m, false, errNotText
	}
	if end && r.h.Fin && len(r.buf) == 0 {
		m, err = r.message(p) // all of it lies in p
		return n, m, err == nil, err
	}
	if first := int(min(r.h.Length, firstBuffer)); cap(r.buf) < first {
		r.buf = append(make([]byte, 0, first), r.buf...)
	}
	r.buf = append(r.buf, p...)
	if !end || !r.h.Fin {
		return n, m, false, nil
	}
	m, err = r.message(r.buf)
	return n, m, err == nil, err
}

var errNotText = &Error{InvalidPayload, "text that is not UTF-8"}

// message ends the message whose payload is p.
func (r *Reader) message(p []byte) (m Message, err error) {
	m = Message{Op: r.op, Payload: p}
	r.op = Continuation
	switch {
	case r.compressed && r.Later > 0 && len(p) >= r.Later:
		m.Packed = true
	case r.compressed:
		err = r.Unpack(&m)
	case m.Op == Text && !r.text.done():
		err = errNotText
	}
	return m, err
}

// Unpack decompresses a Packed message. Nothing else may be done with the Reader
// meanwhile; the payload is valid until its next call.
func (r *Reader) Unpack(m *Message) (err error) {
	m.Packed = false
	if m.Payload, err = r.Inflate.Message(m.Payload, r.Limit); err == nil && m.Op == Text && !utf8.Valid(m.Payload) {
		err = errNotText
	}
	return err
}

func (r *Reader) controlFrame() (m Message, err error) {
	m = Message{Op: r.h.Op, Payload: r.control[:r.controlN]}
	if m.Op == Close {
		m.Code, m.Payload, err = ParseClose(m.Payload)
	}
	return m, err
}
