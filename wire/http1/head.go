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
	// Line by line, since lines are what a head consists of.
	for i := scan; ; {
		k := bytes.IndexByte(b[i:], '\n')
		if k < 0 {
			return len(b), ErrMore
		}
		i += k + 1
		if i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' && i-2 >= scan && b[i-2] == '\r' {
			return i + 2, nil
		}
	}
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
	class := &nameClass
	if request {
		class = &requestName
	}
	for {
		if b[i] == '\r' && b[i+1] == '\n' {
			h.Len = i + 2
			return nil
		}
		start := i
		classes := uint8(0)
		for c := class[b[i]]; c != 0; c = class[b[i]] {
			classes |= c
			i++
		}
		nameEnd := i
		switch {
		case i > start && b[i] == ':':
			for i++; blank(b[i]); i++ {
			}
		case i > start && request && b[i] == '\r':
			// A name alone: nginx takes it for a field without a value.
		default:
			return ErrBad // an empty name, folding, a blank before the colon, a bare LF
		}
		v, e := i, valueEnd(b, i)
		if b[e] != '\r' || b[e+1] != '\n' { // b ends with CRLF, so that e+1 is inside if it is a CR
			return ErrBad
		}
		i = e + 2
		for e > v && blank(b[e-1]) {
			e--
		}
		if lim.Line > 0 && i-start > lim.Line || lim.Fields > 0 && len(h.Fields) >= lim.Fields || nameEnd-start > 65535 {
			return ErrTooLarge
		}
		if classes&drop != 0 {
			continue
		}
		h.Fields = append(h.Fields, message.Field{
			Name:  message.Str16{Off: uint32(start), Len: uint16(nameEnd - start)},
			Value: message.Str{Off: uint32(v), Len: uint32(e - v)},
		})
		if id := message.KnownBytes(b[start:nameEnd]); id != message.HeaderOther {
			if err := h.known(id, b[v:e], request); err != nil {
				return err
			}
		}
	}
}

// known looks at the field that was parsed last, whose name is a known one:
// it may delimit or route the message. v is its value.
func (h *Head) known(id message.KnownHeader, v []byte, request bool) error {
	f := &h.Fields[len(h.Fields)-1]
	f.ID = id
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
		h.upgradeField = true
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
	if h.hasLength || len(v) == 0 || len(v) > 18 {
		return ErrBad
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return ErrBad
		}
		h.Length = h.Length*10 + int64(c-'0')
	}
	h.hasLength = true
	return nil
}

// connection reads a Connection value's tokens.
func (h *Head) connection(v []byte) error {
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
	for i := range h.Fields {
		from, to := &h.Fields[i], &fs[i]
		to.Name.Off, to.Name.Len = from.Name.Off+at.Off, from.Name.Len
		to.Value.Off, to.Value.Len = from.Value.Off+at.Off, from.Value.Len
		to.Flags, to.ID = from.Flags, from.ID
	}
	return at.Off, nil
}
