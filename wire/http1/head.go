package http1

import (
	"bytes"
	"errors"
	"unsafe"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Errors of parsing. Their names are the statuses that nginx answers them with.
var (
	// ErrMore: the head is not complete yet.
	ErrMore = errors.New("http1: head incomplete")
	// ErrBad: malformed (400; 502 from an upstream).
	ErrBad = errors.New("http1: malformed message")
	// ErrVersion: not HTTP/1.x (505).
	ErrVersion = errors.New("http1: unsupported HTTP version")
	// ErrCoding: a transfer coding other than chunked (501).
	ErrCoding = errors.New("http1: unsupported transfer coding")
	// ErrURITooLong: the request line exceeds its limit (414).
	ErrURITooLong = errors.New("http1: request line too long")
	// ErrTooLarge: one field or all of the head exceed their limit (400, nginx's 494).
	ErrTooLarge = errors.New("http1: head too large")
	// ErrNotHTTP: an upstream's first line is no status line.
	ErrNotHTTP = errors.New("http1: not an HTTP response")
)

// Limits bound a head; 0 means no limit of that kind.
type Limits struct {
	// Line bounds the request line and each field line, Total the whole head, in bytes.
	Line, Total int
	// Fields bounds their number.
	Fields int
	// DropUnderscores leaves fields out of a request whose names have '_'
	// (nginx's underscores_in_headers off).
	DropUnderscores bool
	// KeepOddNames keeps fields of a request whose names have other bytes than
	// letters, digits, '-' and '_'; without it they are left out, as if they
	// had not been sent (nginx's ignore_invalid_headers off). Names with bytes
	// that no token may have are left out in any case.
	KeepOddNames bool
}

// dropped is the set of name classes that a request's fields are left out for.
func (lim *Limits) dropped() uint8 {
	var d uint8
	if lim.DropUnderscores {
		d = nameUnderscore
	}
	if !lim.KeepOddNames {
		d |= nameOdd
	}
	return d | nameWild
}

// longName is the length from which an unknown name makes a head Odd: that of
// X-Accel-Expires, about.
const longName = 14

// maxConnectionNames bounds the names that Connection fields list, since each
// is compared with every field.
const maxConnectionNames = 100

// Head is a parsed message head: offsets into the buffer that was parsed. It
// is reused from message to message.
type Head struct {
	// Method and Target of a request.
	Method, Target message.Str
	// Reason and Status of a response.
	Reason message.Str
	Status int
	// NoReason of a response: its status line ends with the status, without the
	// blank that a reason (even an empty one) has in front.
	NoReason bool
	// Major and Minor version: 1 and 0 or more.
	Major, Minor int
	// Fields in order received; hop-by-hop ones are flagged.
	Fields []message.Field
	// Len is the length of the head, its empty line included.
	Len int
	// Body and Length say how the body is delimited.
	Body   message.BodyKind
	Length int64
	// KeepAlive: the connection may be used again, as far as the head says.
	KeepAlive bool
	// Close: a Connection field says close.
	Close bool
	// Expect100 of a request: it waits for 100 Continue.
	Expect100 bool
	// Upgrade: both an Upgrade field and Connection: upgrade are there.
	Upgrade bool
	// Host is the index of the Host field, -1 without one.
	Host int
	// Odd: there is a Trailer or Upgrade field, or one of an unknown long name,
	// which of a response may be for the gateway.
	Odd bool

	upgradeField, upgradeToken bool
	connectionNames            int // how many other fields Connection names
	hasLength, hasTE           bool
}

func (h *Head) reset() {
	f := h.Fields[:0]
	*h = Head{Fields: f, Host: -1}
}

// Complete finds the end of a head in b from scan on, so that bytes seen
// before need not be looked at again. It gives the head's length, or where to
// go on and ErrMore. Empty lines in front belong to the head (ParseRequest).
func Complete(b []byte, scan int) (n int, err error) {
	scan = max(scan-3, emptyLines(b))
	for i := scan; i < len(b); i++ {
		i += lineBreak(&b[i], len(b)-i)
		if i+2 < len(b) && b[i+2] == '\n' && i > scan && b[i-1] == '\r' {
			return i + 3, nil
		}
	}
	return len(b), ErrMore
}

// emptyLines is the length of the empty lines that b begins with.
func emptyLines(b []byte) int {
	i := 0
	for i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
		i += 2
	}
	return i
}

// fields parses the field lines of b[i:] up to the empty line, which Complete
// found at b's end. Fields whose names have a class in drop are left out.
func (h *Head) fields(b []byte, i int, lim *Limits, request bool, drop uint8) error {
	longest, most := lim.Line, lim.Fields
	if longest == 0 {
		longest = len(b)
	}
	if most == 0 {
		most = len(b)
	}
	for b[i] != '\r' || b[i+1] != '\n' {
		start := i
		name, v, e := usualLine(&b[i], len(b)-i)
		if e < 0 {
			var classes uint8
			if name, v, e, classes = oddLine(b[i:], request); e < 0 {
				return ErrBad
			}
			if classes&drop != 0 {
				if i += e + 2; i-start > longest || len(h.Fields) >= most {
					return ErrTooLarge
				}
				continue
			}
		}
		i += e + 2
		if i-start > longest || len(h.Fields) >= most || name > 65535 {
			return ErrTooLarge
		}
		v, e = v+start, e+start
		for e > v && blank(b[e-1]) {
			e--
		}
		id := message.KnownBytes(b[start : start+name])
		h.Fields = append(h.Fields, message.Field{
			Name:  message.Str16{Off: uint32(start), Len: uint16(name)},
			Value: message.Str{Off: uint32(v), Len: uint32(e - v)},
			ID:    id,
		})
		if id == message.HeaderOther {
			h.Odd = h.Odd || name >= longName
		} else if err := h.known(id, b, request); err != nil {
			return err
		}
	}
	h.Len = i + 2
	return nil
}

// oddLine finds the parts of the field line of any allowed form that b begins
// with: the length of its name and the classes of the name's bytes, its value
// up to the CRLF. end is -1 for a malformed line.
func oddLine(b []byte, request bool) (name, value, end int, classes uint8) {
	class := &nameClass
	if request {
		class = &requestName
	}
	i := 0
	for c := class[b[i]]; c != 0; c = class[b[i]] {
		classes |= c
		i++
	}
	name = i
	switch {
	case i > 0 && b[i] == ':':
		for i++; blank(b[i]); i++ {
		}
	case i > 0 && request && b[i] == '\r':
		// A name alone: nginx takes it for a field without a value.
	default:
		return 0, 0, -1, 0 // an empty name, folding, a blank before the colon, a bare LF
	}
	e := valueEnd(b, i)
	if b[e] != '\r' || b[e+1] != '\n' { // b ends with CRLF, so that e+1 is inside if it is a CR
		return 0, 0, -1, 0
	}
	return name, i, e, classes
}

// known looks at the field that was parsed last, whose name is a known one:
// it may delimit or route the message.
func (h *Head) known(id message.KnownHeader, b []byte, request bool) error {
	f := &h.Fields[len(h.Fields)-1]
	v := b[f.Value.Off:][:f.Value.Len]
	switch id {
	case message.HeaderHost:
		if request && h.Host >= 0 {
			return ErrBad
		}
		h.Host = len(h.Fields) - 1
	case message.HeaderConnection:
		f.Flags |= message.FieldHop
		return h.connection(v)
	case message.HeaderContentLength:
		return h.contentLength(v)
	case message.HeaderTransferEncoding:
		f.Flags |= message.FieldHop
		if h.hasTE {
			return ErrBad
		}
		h.hasTE = true
		if !message.EqualFold(v, "chunked") {
			return ErrCoding
		}
	case message.HeaderExpect:
		f.Flags |= message.FieldHop
		if message.EqualFold(v, "100-continue") {
			h.Expect100 = true
		}
	case message.HeaderUpgrade:
		f.Flags |= message.FieldHop
		h.upgradeField, h.Odd = true, true
	case message.HeaderTrailer:
		h.Odd = true
	case message.HeaderKeepAlive:
		f.Flags |= message.FieldHop
	case message.HeaderTE, message.HeaderProxyConnection, message.HeaderProxy:
		if request {
			f.Flags |= message.FieldHop
		}
	}
	return nil
}

// contentLength takes 1*DIGIT once (RFC 9112 section 6.3).
func (h *Head) contentLength(v []byte) error {
	n := message.ParseLength(v)
	if h.hasLength || n < 0 {
		return ErrBad
	}
	h.hasLength, h.Length = true, n
	return nil
}

// connection reads a Connection value's tokens.
func (h *Head) connection(v []byte) error {
	switch string(v) { // what it mostly is
	case "keep-alive":
		h.KeepAlive = true
		return nil
	case "close":
		h.Close = true
		return nil
	}
	for t := ""; ; {
		if t, v = listItem(v); t == "" {
			return nil
		}
		switch {
		case equalFold(t, "close"):
			h.Close = true
		case equalFold(t, "keep-alive"):
			h.KeepAlive = true
		case equalFold(t, "upgrade"):
			h.upgradeToken = true
		default:
			if h.connectionNames++; h.connectionNames > maxConnectionNames {
				return ErrTooLarge
			}
		}
	}
}

// listItem splits the first item that is not empty off a comma-separated list
// (RFC 9110 section 5.6.1); "" at its end. It is a view into the list.
func listItem(v []byte) (item string, rest []byte) {
	for len(v) > 0 {
		t := v
		if c := bytes.IndexByte(v, ','); c >= 0 {
			t, v = v[:c], v[c+1:]
		} else {
			v = nil
		}
		for len(t) > 0 && blank(t[0]) {
			t = t[1:]
		}
		for len(t) > 0 && blank(t[len(t)-1]) {
			t = t[:len(t)-1]
		}
		if len(t) > 0 {
			return unsafe.String(unsafe.SliceData(t), len(t)), v
		}
	}
	return "", nil
}

// equalFold compares ASCII without regard to case.
func equalFold(a, b string) bool {
	return message.EqualFold(unsafe.Slice(unsafe.StringData(a), len(a)), b)
}

// markNamed flags the fields that Connection fields name. Of a request only
// the first Connection field counts, as the reference has it, and fields that
// the gateway sets itself or that delimit the message cannot be named away.
func (h *Head) markNamed(b []byte, request bool) {
	if h.connectionNames == 0 {
		return
	}
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID != message.HeaderConnection {
			continue
		}
		v := b[f.Value.Off : f.Value.Off+f.Value.Len]
		for name := ""; ; {
			if name, v = listItem(v); name == "" {
				break
			}
			h.markName(b, name)
		}
		if request {
			return
		}
	}
}

func (h *Head) markName(b []byte, name string) {
	for i := range h.Fields {
		f := &h.Fields[i]
		if int(f.Name.Len) != len(name) || !message.EqualFold(b[f.Name.Off:f.Name.Off+uint32(f.Name.Len)], name) {
			continue
		}
		switch f.ID {
		case message.HeaderHost, message.HeaderContentLength, message.HeaderTransferEncoding:
			return
		}
		f.Flags |= message.FieldHop
	}
}

// spareFields is the room in an adopted table for fields that are added later:
// the gateway's own, and a few of plugins.
const spareFields = 6

// Adopt copies the head of b into region s: one copy of its bytes, and its
// fields appended to t. base is what to add to the head's offsets.
func (h *Head) Adopt(b []byte, s *message.Shared, t *message.Head) (base uint32, err error) {
	at, err := s.Put(b[:h.Len])
	if err != nil {
		return 0, err
	}
	if err := s.Reserve(t, t.N+uint32(len(h.Fields))+spareFields); err != nil {
		return 0, err
	}
	fs, err := s.Extend(t, uint32(len(h.Fields)))
	if err != nil {
		return 0, err
	}
	copy(fs, h.Fields)
	for i := range fs {
		f := &fs[i]
		f.Name.Off += at.Off
		f.Value.Off += at.Off
	}
	return at.Off, nil
}
