package websocket

import "encoding/binary"

// Opcode is the type of a frame (RFC 6455 section 5.2).
type Opcode uint8

// The opcodes.
const (
	Continuation Opcode = 0
	Text         Opcode = 1
	Binary       Opcode = 2
	Close        Opcode = 8
	Ping         Opcode = 9
	Pong         Opcode = 10
)

// Control says whether o is a control frame's.
func (o Opcode) Control() bool { return o&8 != 0 }

// Valid says whether the protocol defines o.
func (o Opcode) Valid() bool { return o <= Binary || o >= Close && o <= Pong }

// String is the name that plugins know: text, binary, close, ping, pong.
func (o Opcode) String() string {
	switch o {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return "unknown"
}

// MaxControl is the longest payload of a control frame.
const MaxControl = 125

// MaxHeader is the longest frame header.
const MaxHeader = 14

// Header is a frame's header.
type Header struct {
	// Fin marks the last fragment of a message.
	Fin bool
	// RSV are the three reserved bits, RSV1 the highest (4).
	RSV uint8
	Op  Opcode
	// Masked says that Key masks the payload.
	Masked bool
	Key    [4]byte
	// Length of the payload in bytes.
	Length uint64
}

// rsv1 marks a compressed message in Header.RSV.
const rsv1 = 4

// ParseHeader reads a header at the front of b. n is its length, 0 while b has
// only a part of it. Lengths that are not written the shortest way, or have the
// highest bit set, are an Error.
func ParseHeader(b []byte) (h Header, n int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Fin, h.RSV, h.Op = b[0]&0x80 != 0, b[0]>>4&7, Opcode(b[0]&15)
	h.Masked, h.Length = b[1]&0x80 != 0, uint64(b[1]&127)
	n = 2
	switch h.Length {
	case 126:
		if len(b) < 4 {
			return h, 0, nil
		}
		h.Length, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
		if h.Length < 126 {
			return h, 0, protocol("payload length is not in its shortest form")
		}
	case 127:
		if len(b) < 10 {
			return h, 0, nil
		}
		h.Length, n = binary.BigEndian.Uint64(b[2:]), 10
		if h.Length < 1<<16 || h.Length>>63 != 0 {
			return h, 0, protocol("payload length is not in its shortest form")
		}
	}
	if h.Masked {
		if len(b) < n+4 {
			return h, 0, nil
		}
		copy(h.Key[:], b[n:])
		n += 4
	}
	return h, n, nil
}

// AppendHeader appends h.
func AppendHeader(dst []byte, h *Header) []byte {
	b0, b1 := byte(h.Op)|h.RSV<<4, byte(0)
	if h.Fin {
		b0 |= 0x80
	}
	if h.Masked {
		b1 = 0x80
	}
	switch {
	case h.Length < 126:
		dst = append(dst, b0, b1|byte(h.Length))
	case h.Length < 1<<16:
		dst = append(dst, b0, b1|126, byte(h.Length>>8), byte(h.Length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, b0, b1|127), h.Length)
	}
	if h.Masked {
		dst = append(dst, h.Key[:]...)
	}
	return dst
}

// AppendFrame appends a whole frame with h.Length set to the payload's, masked
// if h says so. payload itself is not changed.
func AppendFrame(dst []byte, h Header, payload []byte) []byte {
	h.Length = uint64(len(payload))
	dst = AppendHeader(dst, &h)
	at := len(dst)
	dst = append(dst, payload...)
	if h.Masked {
		Mask(h.Key, 0, dst[at:])
	}
	return dst
}

// Mask masks or unmasks b in place; pos is how many bytes of the payload were
// before b.
func Mask(key [4]byte, pos int, b []byte) {
	if pos &= 3; pos != 0 {
		key = [4]byte{key[pos], key[(pos+1)&3], key[(pos+2)&3], key[(pos+3)&3]}
	}
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(b) >= 32 {
		p := b[:32]
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		binary.LittleEndian.PutUint64(p[8:], binary.LittleEndian.Uint64(p[8:])^k)
		binary.LittleEndian.PutUint64(p[16:], binary.LittleEndian.Uint64(p[16:])^k)
		binary.LittleEndian.PutUint64(p[24:], binary.LittleEndian.Uint64(p[24:])^k)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}
