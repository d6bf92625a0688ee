package http1

import (
	"bytes"
	"errors"

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
}

// Head is a parsed message head: offsets into the buffer that was parsed. It
// is reused from message to message.
type Head struct {
	// Method and Target of a request.
	Method, Target message.Str
	// Reason and Status of a response.
	Reason message.Str
	Status int
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
	connectionNames            bool // Connection names fields other than the usual
	hasLength, hasTE           bool
}

func (h *Head) reset() {
	f := h.Fields[:0]
	*h = Head{Fields: f, Host: -1}
}

// Complete finds the end of a head in b from scan on, so that bytes seen
// before need not be looked at again. It gives the head's length, or where to
// go on and ErrMore.
func Complete(b []byte, scan int) (n int, err error) {
	scan = max(scan-3, 0)
	if k := bytes.Index(b[scan:], headEnd); k >= 0 {
		return scan + k + 4, nil
	}
	return len(b), ErrMore
}

var headEnd = []byte("\r\n\r\n")

// fields parses the field lines of b[i:end] up to the empty line.
func (h *Head) fields(b []byte, i int, lim *Limits, request bool) error {
	for {
		if b[i] == '\r' && b[i+1] == '\n' {
			h.Len = i + 2
			return nil
		}
		start := i
		for token[b[i]] {
			i++
		}
		nameEnd := i
		if i == start || b[i] != ':' {
			return ErrBad // an empty name, folding, a blank before the colon, a bare LF
		}
		i++
		k := bytes.IndexByte(b[i:], '\n')
		if k < 1 || b[i+k-1] != '\r' {
			return ErrBad
		}
		next := i + k + 1
		v, e := i, next-2
		for v < e && (b[v] == ' ' || b[v] == '\t') {
			v++
		}
		for e > v && (b[e-1] == ' ' || b[e-1] == '\t') {
			e--
		}
		if !validValue(b[v:e]) {
			return ErrBad
		}
		if lim.Line > 0 && next-start > lim.Line || lim.Fields > 0 && len(h.Fields) >= lim.Fields || nameEnd-start > 65535 {
			return ErrTooLarge
		}
		h.Fields = append(h.Fields, message.Field{
			Name:  message.Str16{Off: uint32(start), Len: uint16(nameEnd - start)},
			Value: message.Str{Off: uint32(v), Len: uint32(e - v)},
		})
		if nameEnd-start < 32 {
			if err := h.known(b, &h.Fields[len(h.Fields)-1], request); err != nil {
				return err
			}
		}
		i = next
	}
}

// known looks at the fields that delimit and route messages.
func (h *Head) known(b []byte, f *message.Field, request bool) error {
	name := b[f.Name.Off : f.Name.Off+uint32(f.Name.Len)]
	f.ID = message.KnownBytes(name)
	if f.ID == message.HeaderOther {
		return nil
	}
	v := b[f.Value.Off : f.Value.Off+f.Value.Len]
	switch f.ID {
	case message.HeaderHost:
		if request && h.Host >= 0 {
			return ErrBad
		}
		h.Host = len(h.Fields) - 1
	case message.HeaderConnection:
		f.Flags |= message.FieldHop
		h.connection(v)
	case message.HeaderContentLength:
		return h.contentLength(f, v)
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
func (h *Head) contentLength(f *message.Field, v []byte) error {
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
func (h *Head) connection(v []byte) {
	for len(v) > 0 {
		t := v
		if c := bytes.IndexByte(v, ','); c >= 0 {
			t, v = v[:c], v[c+1:]
		} else {
			v = nil
		}
		t = bytes.Trim(t, " \t")
		switch {
		case message.EqualFold(t, "close"):
			h.Close = true
		case message.EqualFold(t, "keep-alive"):
			h.KeepAlive = true
		case message.EqualFold(t, "upgrade"):
			h.upgradeToken = true
		case len(t) > 0:
			h.connectionNames = true
		}
	}
}

// markNamed flags the fields that Connection fields name. Of a request only
// the first Connection field counts, as the reference has it, and fields that
// the gateway sets itself or that delimit the message cannot be named away.
func (h *Head) markNamed(b []byte, request bool) {
	if !h.connectionNames {
		return
	}
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID != message.HeaderConnection {
			continue
		}
		for v := b[f.Value.Off : f.Value.Off+f.Value.Len]; len(v) > 0; {
			t := v
			if c := bytes.IndexByte(v, ','); c >= 0 {
				t, v = v[:c], v[c+1:]
			} else {
				v = nil
			}
			h.markName(b, bytes.Trim(t, " \t"))
		}
		if request {
			return
		}
	}
}

func (h *Head) markName(b, name []byte) {
	if len(name) == 0 {
		return
	}
	for i := range h.Fields {
		f := &h.Fields[i]
		switch f.ID {
		case message.HeaderHost, message.HeaderContentLength, message.HeaderTransferEncoding:
			continue
		}
		if int(f.Name.Len) == len(name) && bytes.EqualFold(b[f.Name.Off:f.Name.Off+uint32(f.Name.Len)], name) {
			f.Flags |= message.FieldHop
		}
	}
}

// Adopt copies the head of b into region s: one copy of its bytes, and its
// fields appended to t. base is what to add to the head's offsets.
func (h *Head) Adopt(b []byte, s *message.Shared, t *message.Head) (base uint32, err error) {
	at, err := s.Put(b[:h.Len])
	if err != nil {
		return 0, err
	}
	if err = s.Reserve(t, t.N+uint32(len(h.Fields))); err != nil {
		return 0, err
	}
	for _, f := range h.Fields {
		f.Name.Off += at.Off
		f.Value.Off += at.Off
		_ = s.Append(t, f)
	}
	return at.Off, nil
}
